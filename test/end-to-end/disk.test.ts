import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, truncateSync, writeFileSync } from 'node:fs';
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

  const image = join(vm.dir, 'disk', 'hda.img');
  if (hasE2fsck) {
    const copy = join(vm.place, 'copy.img');
    copyFileSync(image, copy);
    expect(e2fsckAfterJournal(copy)).toMatch(/: \d+\/\d+ files .* blocks/);
  }
  const cold = await vm.booted();
  const [, intact] = await cold.ask('fsyncer -c /root/records', /intact (\d+)\r/);
  expect(Number(intact)).toBeGreaterThanOrEqual(synced);
  if (!hasE2fsck) context.skip('the file system was not checked: there is no e2fsck here');
});

it('a sector the host cannot write is an I/O error in the guest, on every replica', async () => {
  const vm = new VmUnderTest();
  const second = join(vm.place, 'second.img');
  writeFileSync(second, '');
  truncateSync(second, 256 * 1024 * 1024);
  const options = ['--memory', '32', '--image', 'linux', '--disk', second];
  const primary = vm.limited('run', vm.dir, '--primary', ...options);
  await primary.stdout.until(prompt);
  const backup = vm.limited('run', vm.dir, '--backup');
  await backup.stderr.until(/in sync with the primary/);
  // The host takes bytes up to 128 MiB of any file and fails beyond.
  expect(await primary.shell(write(1))).not.toMatch(/error/i);
  expect(await primary.shell(write(200))).toMatch(/I\/O error|error/i);
  expect(primary.stderr.text).toMatch(/disk operation failed; the guest sees an ATA error/);
  expect(await primary.shell('echo alive')).toBe('alive');
  expect((await vm.status()).protection).toBe('protected');

  await primary.kill();
  await live(backup);
  expect(await backup.shell(write(200))).toMatch(/I\/O error|error/i);
  expect(await backup.shell(write(2))).not.toMatch(/error/i);
  expect(backup.stderr.text).not.toMatch(/diverged|a bug/);
});

const write = (atMiB: number): string =>
  `dd if=/dev/zero of=/dev/sdb bs=64k count=1 seek=${atMiB * 16} conv=fsync 2>&1`;

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

it('a full host disk is an I/O error in the guest', async (context) => {
  const vm = new VmUnderTest();
  const full = join(vm.place, 'full');
  if (!mountTinyFileSystem(full)) return context.skip('this user may not mount a tmpfs');
  try {
    const second = join(full, 'second.img');
    writeFileSync(second, '');
    truncateSync(second, 64 * 1024 * 1024);
    const primary = vm.primary('--image', 'linux', '--disk', second);
    await primary.stdout.until(prompt);
    const told = await primary.shell(
      'dd if=/dev/urandom of=/dev/sdb bs=64k count=64 conv=fsync 2>&1',
    );
    expect(told).toMatch(/error/i);
    expect(primary.stderr.text).toContain('is full');
    expect(await primary.shell('echo alive')).toBe('alive');
    await primary.kill();
    // Creating a VM there says so and leaves nothing behind.
    const created = await vm.run('run', join(full, 'vm'), '--primary');
    expect(created.status).toBe(4);
    expect(created.stderr).toMatch(/no room|full|space/i);
    expect(existsSync(join(full, 'vm'))).toBe(false);
  } finally {
    execFileSync('umount', ['-l', full]);
  }
});

function mountTinyFileSystem(at: string): boolean {
  try {
    execFileSync('mkdir', [at]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
