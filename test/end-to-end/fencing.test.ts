import { existsSync, openSync, readdirSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { FtvmProcess } from './ftvm-process.js';
import { live, prompt, VmUnderTest } from './vm-under-test.js';

const slowStore = new URL('./slow-store.mjs', import.meta.url).href;
/** Raw sectors at the end of the image's disk, where no file is. */
const place = { bytes: 65_536, at: 1023 * 65_536 };

const fill = (letter: string): string =>
  `head -c ${place.bytes} /dev/zero | tr '\\000' ${letter} > /run/${letter}; ` +
  `dd if=/run/${letter} of=/dev/sda bs=64k count=1 seek=1023 oflag=direct 2>/dev/null`;

async function letterOn(replica: FtvmProcess): Promise<string> {
  // Past the guest's cache, from the disk.
  const read = 'dd if=/dev/sda bs=64k count=1 skip=1023 iflag=direct 2>/dev/null';
  // A long command is echoed in two lines.
  return (await replica.shell(`${read} | tr -s A-Z`)).split('\n').at(-1) ?? '';
}

function lettersIn(path: string): string {
  const bytes = Buffer.alloc(place.bytes);
  readSync(openSync(path, 'r'), bytes, 0, place.bytes, place.at);
  return [...new Set(bytes.toString('latin1'))].join('');
}

it('what a stopped primary had under way lands when it goes on, and nobody ever reads it', async () => {
  const vm = new VmUnderTest();
  const slow = join(vm.place, 'slow');
  const primary = vm.preloaded(
    slowStore,
    { FTVM_TEST_SLOW: slow },
    'run',
    vm.dir,
    '--primary',
    ...vm.options,
  );
  await primary.stdout.until(prompt);
  const backup = await vm.protect();
  await primary.shell(fill('A'));
  expect(await letterOn(primary)).toBe('A');

  writeFileSync(slow, '');
  primary.type(`${fill('B')}; echo wri''tten\n`);
  // Released, and on its way.
  await vi.waitFor(() => expect(existsSync(`${slow}.begun`)).toBe(true), { timeout: 20_000 });
  const layers = join(vm.dir, 'disk', 'hda.layers');
  const bytesOf = (name: string): number => statSync(join(layers, name)).size;
  const [layer = ''] = readdirSync(layers).filter((name) => name.startsWith('layer-'));
  const bytesBefore = bytesOf(layer);
  primary.signal('SIGSTOP');
  await live(backup);
  // It was pending here, and is issued again; the guest goes on with its dd.
  await backup.stdout.until(/written\r\n/);
  expect(await letterOn(backup)).toBe('B');
  await backup.shell(fill('C'));
  expect(await letterOn(backup)).toBe('C');
  expect(existsSync(`${slow}.landed`)).toBe(false);

  writeFileSync(`${slow}.go`, '');
  primary.signal('SIGCONT');
  expect(await primary.ended).toBe(3);
  expect(existsSync(`${slow}.landed`)).toBe(true);
  expect(bytesOf(layer)).toBeGreaterThanOrEqual(bytesBefore + place.bytes);
  expect(await letterOn(backup)).toBe('C');
  const copy = join(vm.place, 'copy.img');
  expect((await vm.run('disk', vm.dir, '--out', copy)).status).toBe(0);
  expect(lettersIn(copy)).toBe('C');

  // The next one finds it so, too, and so does the image once the guest is off.
  await backup.kill();
  const next = await vm.booted();
  expect(await letterOn(next)).toBe('C');
  next.type('poweroff\n');
  expect(await next.ended).toBe(0);
  expect(lettersIn(join(vm.dir, 'disk', 'hda.img'))).toBe('C');
  expect((await vm.run('disk', vm.dir)).stdout).toMatch(/hda.img is the disk\n/);
});
