import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { FtvmProcess } from './ftvm-process.js';
import { e2fsckAfterJournal, hasE2fsck } from './host-tools.js';
import { live, prompt, VmUnderTest } from './vm-under-test.js';

/** The last record the guest said is on its disk. */
const syncedOn = (replica: FtvmProcess): number =>
  Math.max(0, ...[...replica.stdout.text.matchAll(/synced (\d+)\r/g)].map(([, n]) => Number(n)));

it('keeps what the guest synced through kills and a cold start, in a sound file system', async (context) => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  let current = primary;
  primary.type('fsyncer /root/records 100000\n');
  await primary.stdout.until(/synced 50\r/);
  let synced = 0;
  for (let round = 1; round <= 2; round += 1) {
    const backup = await vm.protect();
    const from = current.stdout.end;
    await current.stdout.until(/synced \d+\r[^]*synced \d+\r/, from);
    await current.kill();
    synced = Math.max(synced, syncedOn(current));
    await live(backup);
    // The guest goes on where it was, in the middle of its work.
    await backup.stdout.until(new RegExp(`synced ${synced + 50}\\r`));
    current = backup;
  }
  await current.kill();
  synced = Math.max(synced, syncedOn(current));

  if (hasE2fsck) {
    const copy = join(vm.place, 'copy.img');
    expect((await vm.run('disk', vm.dir, '--out', copy)).status).toBe(0);
    expect(e2fsckAfterJournal(copy)).toMatch(/: \d+\/\d+ files .* blocks/);
  }
  const cold = await vm.booted();
  const [, intact] = await cold.ask('fsyncer -c /root/records', /intact (\d+)\r/);
  expect(Number(intact)).toBeGreaterThanOrEqual(synced);
  if (!hasE2fsck) context.skip('the file system was not checked: there is no e2fsck here');
});

it('a write the host cannot make is an I/O error in the guest, on every replica', async () => {
  const vm = new VmUnderTest();
  const first = await vm.booted();
  first.type('poweroff\n');
  await first.ended;
  const primary = vm.limited('run', vm.dir, '--primary');
  await primary.stdout.until(prompt);
  const backup = vm.limited('run', vm.dir, '--backup');
  await backup.stderr.until(/in sync with the primary/);
  // The host takes no file as long as a write of 64 KiB, and many short ones.
  expect(await primary.shell(write(4))).not.toMatch(/error/i);
  expect(await primary.shell(write(64))).toMatch(/error/i);
  expect(primary.stderr.text).toMatch(/disk operation failed; the guest sees an ATA error/);
  expect(await primary.shell('echo alive')).toBe('alive');
  expect((await vm.status()).protection).toBe('protected');

  await primary.kill();
  await live(backup);
  expect(await backup.shell(write(64))).toMatch(/error/i);
  expect(await backup.shell(write(4))).not.toMatch(/error/i);
  expect(backup.stderr.text).not.toMatch(/diverged|a bug/);
});

/** At the end of the disk, where no file is. */
const write = (kib: number): string =>
  `dd if=/dev/zero of=/dev/sda bs=${kib}k count=1 seek=$((65472 / ${kib})) oflag=direct 2>&1`;

it('a disk can be copied while its VM runs, and folded when nobody does; a damaged layer is named', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  await primary.shell('echo found > /root/found; sync');
  const refused = await vm.run('disk', vm.dir, '--fold');
  expect(refused.status).toBe(4);
  expect(refused.stderr).toMatch(/process \d+ on \S+ is live[^]*FTVM_DISK_IN_USE/);
  const copy = join(vm.place, 'copy.img');
  expect((await vm.run('disk', vm.dir, '--out', copy)).status).toBe(0);
  expect(readFileSync(copy).includes('found\n')).toBe(true);
  const none = await vm.run('disk', vm.dir, '--out', copy, '--drive', 'hdb');
  expect(none.status).toBe(2);

  await primary.kill();
  expect((await vm.run('disk', vm.dir)).stdout).toMatch(/hda.img, and on it 1 layer of/);
  const layer = join(vm.dir, 'disk', 'hda.layers', 'layer-1');
  const whole = readFileSync(layer);
  writeFileSync(layer, whole.subarray(0, 100));
  const damaged = await vm.run('disk', vm.dir);
  expect(damaged.status).toBe(4);
  expect(damaged.stderr).toMatch(/layer-1: its head is cut off[^]*FTVM_LAYER_CORRUPT/);
  writeFileSync(layer, whole);
  const image = join(vm.dir, 'disk', 'hda.img');
  expect((await vm.run('disk', vm.dir, '--fold')).stdout).toBe(`${image} is hda\n`);
  expect(readFileSync(image).includes('found\n')).toBe(true);
  expect((await vm.run('disk', vm.dir)).stdout).toBe(`hda  ${image} is the disk\n`);
  const again = await vm.booted();
  expect(await again.shell('cat /root/found')).toBe('found');
});

it('an image that shrinks while the guest runs does not end anything', async () => {
  const vm = new VmUnderTest();
  const second = join(vm.place, 'second.img');
  writeFileSync(second, Buffer.alloc(4 * 1024 * 1024, 0x61));
  const primary = vm.primary('--image', 'linux', '--disk', second);
  await primary.stdout.until(prompt);
  truncateSync(second, 1024 * 1024);
  await primary.shell('md5sum /dev/sdb');
  expect(await primary.shell('echo alive')).toBe('alive');
});

it('a full host disk is an I/O error in the guest, until there is room again', async (context) => {
  const vm = new VmUnderTest();
  const small = join(vm.place, 'small');
  if (!mountSmallFileSystem(small)) return context.skip('this user may not mount a tmpfs');
  try {
    const dir = join(small, 'vm');
    const primary = vm.start('run', dir, '--primary', ...vm.options);
    await primary.stdout.until(prompt);
    const filler = join(small, 'filler');
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(65_536), { flag: 'a' });
    } catch {
      // Full.
    }
    const dd = 'dd if=/dev/urandom of=/root/big bs=64k count=32 conv=fsync 2>&1';
    expect(await primary.shell(dd)).toMatch(/error/i);
    expect(primary.stderr.text).toContain('is full');
    expect(await primary.shell('echo alive')).toBe('alive');
    // Creating a VM there says so and leaves nothing behind.
    const created = await vm.run('run', join(small, 'other'), '--primary');
    expect(created.status).toBe(4);
    expect(created.stderr).toMatch(/no room|full|space/i);
    expect(existsSync(join(small, 'other'))).toBe(false);
    rmSync(filler);
    const raw = 'dd if=/dev/zero of=/dev/sda bs=64k count=1 seek=1023 oflag=direct 2>&1';
    expect(await primary.shell(raw)).not.toMatch(/error/i);
    await primary.kill();
  } finally {
    execFileSync('umount', ['-l', small]);
  }
});

function mountSmallFileSystem(at: string): boolean {
  try {
    execFileSync('mkdir', [at]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', at], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
