import { expect, it } from 'vitest';
import type { FtvmProcess } from './ftvm-process.js';
import { live, VmUnderTest } from './vm-under-test.js';

/** A host under load must not look like a dead one: these tests are about something else. */
const patient = ['--failure-timeout', '5000'];

/** Counts its lines, so that whoever reads them sees whether one is missing. */
const countUp = 'i=0; while i=$((i+1)); do echo line $i; sleep 0.02; done';
const isPaused = async (vm: VmUnderTest): Promise<boolean> => (await vm.status()).primary!.paused;

it('a paused guest stays paused through a failover and a join, and goes on where it stood', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted(...patient);
  const backup = await vm.protect(...patient);
  primary.type(`${countUp}\n`);
  await primary.stdout.until(/line 5\r\n/);
  expect(await vm.run('pause', vm.dir)).toMatchObject({ status: 0, stdout: 'vm is paused\n' });
  expect(await vm.status()).toMatchObject({ protection: 'protected', primary: { paused: true } });
  expect((await vm.run('status', vm.dir)).stdout).toContain('PAUSED (ftvm resume)');

  await primary.kill();
  await live(backup);
  expect(await isPaused(vm)).toBe(true);
  // It has shown all that its primary had, and nothing since.
  const another = await vm.protect(...patient);
  expect(await vm.status()).toMatchObject({ protection: 'protected', primary: { paused: true } });
  expect(await vm.run('pause', vm.dir)).toMatchObject({ status: 0 });
  const failedOver = await vm.run('failover', vm.dir);
  expect(failedOver.status).toBe(0);
  await live(another);
  expect(await isPaused(vm)).toBe(true);
  expect(another.stdout.text).toBe('');

  expect(await vm.run('resume', vm.dir)).toMatchObject({ status: 0, stdout: 'vm runs\n' });
  await another.stdout.until(/line \d+\r\nline \d+\r\n/);
  expect(await isPaused(vm)).toBe(false);
  const shown = numbers(backup);
  expect(shown).toEqual(shown.map((_number, at) => (shown[0] ?? 0) + at));
  expect(numbers(another)[0]).toBe(Math.max(...numbers(primary)) + 1);
});

const numbers = ({ stdout }: FtvmProcess): number[] =>
  [...stdout.text.matchAll(/^line (\d+)\r$/gm)].map(([, number]) => Number(number));

it('resets and powers off every replica, and says so when there is nothing to operate', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted(...patient);
  const backup = await vm.protect(...patient);
  await primary.shell('echo old > /tmp/n');
  const from = primary.stdout.end;
  expect(await vm.run('reset', vm.dir)).toMatchObject({ status: 0, stdout: 'vm: reset\n' });
  // A shell may show its prompt again before the reset is there.
  await primary.stdout.until(/guest ready[^]*guest:[^\n]*# $/, from);
  expect(await primary.shell('cat /tmp/n 2>&1')).toContain('No such file');
  await backup.stderr.until(/the guest rebooted/);
  expect((await vm.status()).protection).toBe('protected');

  expect(await vm.run('poweroff', vm.dir)).toMatchObject({ status: 0, stdout: 'vm is off\n' });
  expect([await primary.ended, await backup.ended]).toEqual([0, 0]);
  const late = await vm.run('pause', vm.dir);
  expect(late.status).toBe(4);
  expect(late.stderr).toMatch(/is not running[^]*powered off[^]*\[FTVM_NOT_RUNNING\]/);
});

it('moves the backup without a moment in which nothing protects the guest', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted(...patient);
  const old = await vm.protect(...patient);
  await primary.shell('echo 1 > /tmp/n');
  const moved = await vm.protect(...patient);
  // While both are there, either protects it; then the first goes, in good order.
  old.signal('SIGINT');
  expect(await old.ended).toBe(130);
  expect(await vm.status()).toMatchObject({
    protection: 'protected',
    backups: [{ pid: moved.pid, inSync: true }],
  });
  await primary.stderr.until(/generation 2 is ours/);
  // Never without: the generation that dropped the one had the other from its first moment.
  const [, second] = vm.generations();
  const { replica } = (await vm.status()).backups[0]!;
  expect(second).toMatchObject({ reason: 'backupLost', inSync: [replica] });
  await primary.kill();
  await live(moved);
  expect(await moved.shell('cat /tmp/n')).toBe('1');
});

it('refuses to change the machine of a VM that exists, with the reason and what to do', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted(...patient);
  for (const [option, value] of [
    ['--memory', '64'],
    ['--nic', 'ne2k'],
    ['--disk', '/dev/null'],
  ] as const) {
    const refused = await vm.run('run', vm.dir, '--backup', option, value);
    expect(refused.status).toBe(4);
    expect(refused.stderr).toContain(option);
    expect(refused.stderr).toMatch(/\n {2}[A-Z][^\n]+ \[FTVM_VM_OPTION_DIFFERS\]\n/);
  }
  const backup = await vm.protect(...patient);
  await primary.kill();
  await live(backup);
  // Nor by whoever comes back as a primary.
  await backup.kill();
  const restarted = await vm.run('run', vm.dir, '--primary', '--memory', '64');
  expect(restarted.status).toBe(4);
  expect(restarted.stderr).toMatch(/--memory[^]*\[FTVM_VM_OPTION_DIFFERS\]/);
});
