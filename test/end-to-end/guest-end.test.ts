import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tinyKernel } from '../vcpu/tiny-kernel.js';
import { inSync, live, prompt, VmUnderTest } from './vm-under-test.js';

it('poweroff in the guest ends every replica', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  primary.type('poweroff\n');
  expect(await Promise.all([primary.ended, backup.ended])).toEqual([0, 0]);
  expect(backup.stderr.text).not.toContain('LIVE');
  // The last word of the guest is on both screens.
  expect(primary.stdout.text).toMatch(/System halted|Power down/);
  expect(backup.stdout.text.endsWith(primary.stdout.text.slice(-40))).toBe(true);
});

it('ftvm stop ends every replica', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  const stop = await vm.run('stop', vm.dir);
  expect(stop).toMatchObject({ status: 0, stderr: '' });
  expect(await Promise.all([primary.ended, backup.ended])).toEqual([0, 0]);
  expect(backup.stderr.text).not.toContain('LIVE');
  const again = await vm.run('stop', vm.dir);
  expect(again.status).toBe(0);
  expect(again.stdout).toContain('is not running');
});

it('a guest that reboots comes back on both replicas, and fails over later', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  await primary.shell('echo kept > /root/note');
  const [from, backupFrom] = [primary.stdout.end, backup.stdout.end];
  primary.type('reboot\n');
  await Promise.all([
    primary.stdout.until(/ftvm guest ready[^]*guest:[^\n]*# $/, from),
    backup.stdout.until(/ftvm guest ready[^]*guest:[^\n]*# $/, backupFrom),
  ]);
  expect((await vm.status()).protection).toBe('protected');
  expect(await primary.shell('cat /root/note')).toBe('kept');
  await primary.kill();
  await live(backup);
  expect(await backup.shell('cat /root/note')).toBe('kept');
  expect((await vm.status()).replay.divergences).toBe(0);
  // Once more, alone and on the replica that took over.
  const aloneFrom = backup.stdout.end;
  backup.type('reboot\n');
  await backup.stdout.until(/ftvm guest ready[^]*guest:[^\n]*# $/, aloneFrom);
});

// Prints '>', waits for a byte on the serial port, prints '!', and faults with no interrupt table:
// a fault in handling the fault in handling a fault.
const crashOnInput = `
  ba f8030000 b0 3e ee     ; mov edx, 3f8; mov al, '>'; out dx, al
  ba fd030000              ; again: mov edx, 3fd
  ec a8 01 74 fb           ; wait: in al, dx; test al, 1; jz wait
  ba f8030000 ec           ; mov edx, 3f8; in al, dx
  b0 21 ee                 ; mov al, '!'; out dx, al
  0f 0b                    ; ud2
`;

async function crashingVm(): Promise<VmUnderTest> {
  const vm = new VmUnderTest([]);
  const kernel = join(vm.place, 'kernel');
  await writeFile(kernel, tinyKernel(crashOnInput));
  return Object.assign(vm, { options: ['--kernel', kernel, '--memory', '16', '--nic', 'none'] });
}

it('a guest that crashes ends every replica, and nobody takes over', async () => {
  const vm = await crashingVm();
  const primary = vm.primary();
  await primary.stdout.until(/>/);
  const backup = await vm.protect();
  primary.type('x');
  expect(await Promise.all([primary.ended, backup.ended])).toEqual([5, 5]);
  for (const { stdout, stderr } of [primary, backup]) {
    expect(stdout.text).toMatch(/!$/);
    expect(stderr.text).toMatch(/the guest crashed at epoch \d+/);
    expect(stderr.text).not.toMatch(/a bug|\n {4}at /);
  }
  expect(backup.stderr.text).not.toContain('LIVE');
  expect(vm.generations()).toHaveLength(1);
  expect((await vm.status()).primary).toBeNull();
});

it('a guest that crashes while its primary is killed ends the backup, too', async () => {
  const vm = await crashingVm();
  const primary = vm.primary();
  await primary.stdout.until(/>/);
  const backup = await vm.protect();
  primary.type('x');
  await primary.kill();
  // The byte may have died with the primary; then the guest still waits for one.
  const how = await Promise.race([backup.ended, live(backup).catch(() => 'ended')]);
  if (how !== 5) backup.type('x');
  expect(await backup.ended).toBe(5);
  expect(backup.stderr.text).toMatch(/the guest crashed at epoch \d+/);
  // It can be started again, and crashes no other way.
  const again = vm.primary();
  await again.stdout.until(/>/);
  again.type('x');
  expect(await again.ended).toBe(5);
});

it('a backup that joins late finds the reboots of the guest behind it', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const from = primary.stdout.end;
  primary.type('reboot\n');
  await primary.stdout.until(/ftvm guest ready[^]*guest:[^\n]*# $/, from);
  const backup = vm.backup();
  await inSync(backup);
  await primary.kill();
  await live(backup);
  expect(await backup.shell('echo up')).toBe('up');
  expect(prompt.test(backup.stdout.text)).toBe(true);
});
