import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { FtvmProcess } from './ftvm-process.js';
import { inSync, live, prompt, VmUnderTest } from './vm-under-test.js';

const replicated = ['--memory', '32', '--disk-mode', 'replicated'];
const sum = 'md5sum /root/data | cut -c1-32';
/** Writes a file; answers its sum. */
async function writeData(replica: FtvmProcess): Promise<string> {
  await replica.shell('dd if=/dev/urandom of=/root/data bs=1M count=1 conv=fsync');
  return replica.shell(sum);
}

const copiesIn = (vm: VmUnderTest): string[] =>
  readdirSync(join(vm.dir, 'copies'))
    .sort()
    .map((name) => join(vm.dir, 'copies', name));
const imagesOf = (vm: VmUnderTest): Buffer[] =>
  copiesIn(vm).map((copy) => readFileSync(join(copy, 'hda.img')));

/** How many MiB had to go over when the backup joined. */
function differed(stderr: string): number {
  const [, mib] = /(\d+) MiB of \d+ MiB differed/.exec(stderr) ?? [];
  return Number(mib);
}

it('each replica writes a copy of its own: what one wrote is there when the other is live, and at the end they are equal', async () => {
  const vm = new VmUnderTest(replicated);
  const first = await vm.booted();
  const second = await vm.protect();
  const base = differed(second.stderr.text);
  const written = await writeData(first);
  await first.kill();
  await live(second);
  // Not from memory: from the copy that the second replica wrote while it followed.
  await second.shell('echo 3 > /proc/sys/vm/drop_caches');
  expect(await second.shell(sum)).toBe(written);

  // The first one's copy is nearly right: only what differs goes over.
  const third = await vm.protect();
  expect(differed(third.stderr.text)).toBeLessThan(base / 2);
  const rewritten = await writeData(second);
  expect(rewritten).not.toBe(written);
  second.type('poweroff\n');
  expect(await Promise.all([second.ended, third.ended])).toEqual([0, 0]);
  const [one, other] = imagesOf(vm);
  expect(one!.equals(other!)).toBe(true);
});

it('a start takes the copy that was live last, and refuses any other', async () => {
  const vm = new VmUnderTest(replicated);
  const first = await vm.booted();
  const second = await vm.protect();
  await first.kill();
  await live(second);
  const written = await writeData(second);
  await second.kill();

  const again = await vm.booted();
  expect(await again.shell(sum)).toBe(written);
  again.type('poweroff\n');
  await again.ended;

  // The disk that was live last is lost.
  const [, lost] = copiesIn(vm);
  rmSync(lost!, { recursive: true });
  const refused = await vm.run('run', vm.dir, '--primary');
  expect(refused.status).toBe(4);
  expect(refused.stderr).toContain('not those that were live last');
  expect(refused.stderr).toContain('--take-disk');
  const taken = await vm.booted('--take-disk');
  expect(await taken.shell('echo alive')).toBe('alive');
});

it('a copy that was never brought up to the primary’s cannot be started from at all', async () => {
  const vm = new VmUnderTest(replicated);
  const first = await vm.booted();
  first.type('poweroff\n');
  await first.ended;
  const [copy] = copiesIn(vm);
  const path = join(copy!, 'copy.json');
  const file = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...file, state: 'syncing' }));
  const half = await vm.run('run', vm.dir, '--primary', '--take-disk');
  expect(half.status).toBe(4);
  expect(half.stderr).toContain('not those that were live last');
});

it('while both run, neither takes the other’s copy', async () => {
  const vm = new VmUnderTest(replicated);
  const first = vm.primary();
  await first.stdout.until(prompt);
  const [copy] = copiesIn(vm);
  const second = await vm.run('run', vm.dir, '--backup', '--disk-dir', copy!);
  expect(second.status).toBe(4);
  expect(second.stderr).toContain('in use by another replica');
});

it('hosts that share nothing ask an arbiter: one goes live, and without the arbiter nobody does', async () => {
  const arbiter = new VmUnderTest().start('arbiter', '--listen', '127.0.0.1:0');
  const [, url] = await arbiter.stdout.until(/arbiter at (http:\S+),/);
  const vm = new VmUnderTest([...replicated, '--arbiter', url!]);
  const first = await vm.booted();
  const elsewhere = join(vm.place, 'elsewhere');
  cpSync(vm.dir, elsewhere, { recursive: true, filter: (path) => !path.includes('/copies') });
  const second = vm.start('run', elsewhere, '--backup');
  await inSync(second);
  expect(readdirSync(join(vm.dir, 'generations'))).toEqual([]);
  const written = await writeData(first);
  await first.kill();
  await live(second);
  expect(await second.shell(sum)).toBe(written);

  const third = vm.start('run', vm.dir, '--backup');
  await inSync(third);
  await arbiter.kill();
  await second.kill();
  await third.stderr.until(/cannot be reached, waiting: no answer from the arbiter/);
  expect(third.stderr.text).not.toContain('LIVE');
  const asked = await vm.run('status', vm.dir);
  expect(asked.stdout).toContain('the arbiter cannot be reached');
});

it('hosts that share nothing hear from their arbiter that the guest was powered off', async () => {
  const arbiter = new VmUnderTest().start('arbiter', '--listen', '127.0.0.1:0');
  const [, url] = await arbiter.stdout.until(/arbiter at (http:\S+),/);
  const vm = new VmUnderTest([...replicated, '--arbiter', url!]);
  const primary = await vm.booted();
  const elsewhere = join(vm.place, 'elsewhere');
  cpSync(vm.dir, elsewhere, { recursive: true, filter: (path) => !path.includes('/copies') });
  primary.type('poweroff\n');
  expect(await primary.ended).toBe(0);
  const asked = await vm.run('status', elsewhere);
  expect(asked.stdout).toContain('the guest powered off');
});
