import { expect, it } from 'vitest';
import { inSync, live, prompt, VmUnderTest } from './vm-under-test.js';

it('a backup may be there before its primary, and before the VM', async () => {
  const vm = new VmUnderTest();
  const backup = vm.backup();
  await backup.stderr.until(/waiting for a primary to create the VM/);
  const primary = vm.primary();
  await inSync(backup);
  await primary.stdout.until(prompt);
  await primary.kill();
  await live(backup);
  expect(await backup.shell('echo taken over')).toBe('taken over');
});

it('a guest whose primary dies while it boots boots on', async () => {
  const vm = new VmUnderTest();
  const [primary, backup] = [vm.primary(), vm.backup()];
  await inSync(backup);
  const wasUp = prompt.test(primary.stdout.text);
  await primary.kill();
  await live(backup);
  // If it was up already, the prompt was shown on the other screen.
  if (wasUp) backup.type('\n');
  await backup.stdout.until(prompt);
  // However many prompts there are by now.
  await backup.ask('echo $((40 + 2))', /^42\r/m);
});

it('of two backups one takes over and the other follows it', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backups = [vm.backup(), vm.backup()];
  await Promise.all(backups.map((backup) => inSync(backup)));
  expect((await vm.status()).backups.map(({ inSync: is }) => is)).toEqual([true, true]);
  await primary.shell('echo 1 > /tmp/n');
  const ends = backups.map((backup) => backup.stderr.end);
  await primary.kill();
  const winner = await Promise.race(
    backups.map(async (backup) => {
      await live(backup);
      return backup;
    }),
  );
  const loser = backups.find((backup) => backup !== winner)!;
  await inSync(loser, ends[backups.indexOf(loser)]);
  expect(loser.stderr.text).toContain('joining again as a new backup');
  expect(await winner.shell('cat /tmp/n')).toBe('1');
  await winner.kill();
  await live(loser);
  expect(await loser.shell('cat /tmp/n')).toBe('1');
});

it('a guest goes on when its backup dies, and takes another', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  await backup.kill();
  expect(await primary.shell('echo alone')).toBe('alone');
  await primary.stderr.until(/generation 2 is ours/);
  expect(await vm.status()).toMatchObject({ protection: 'unprotected', generation: 2 });
  const another = await vm.protect();
  expect(await vm.status()).toMatchObject({ protection: 'protected' });
  await primary.kill();
  await live(another);
  expect(await another.shell('echo over')).toBe('over');
});

it('Ctrl-C of a primary hands over to its backup', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  await primary.shell('echo 1 > /tmp/n');
  primary.signal('SIGINT');
  expect(await primary.ended).toBe(130);
  await live(backup);
  expect(await backup.shell('cat /tmp/n')).toBe('1');
  expect(primary.stderr.text).not.toContain('error');
});

it('Ctrl-C of a backup leaves its primary alone', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  backup.signal('SIGINT');
  expect(await backup.ended).toBe(130);
  expect(await primary.shell('echo alone')).toBe('alone');
  expect(backup.stderr.text).not.toContain('LIVE');
});

it('Ctrl-C ends a replica that still waits for others', async () => {
  const vm = new VmUnderTest();
  const early = vm.backup();
  await early.stderr.until(/waiting for a primary/);
  early.signal('SIGINT');
  expect(await early.ended).toBe(130);

  const first = await vm.booted();
  first.signal('SIGTERM');
  expect(await first.ended).toBe(130);
  const late = vm.backup();
  await late.stderr.until(/waiting for a primary \(/);
  late.signal('SIGTERM');
  expect(await late.ended).toBe(130);
});

it('joins the primary it is told, and no other', async () => {
  const vm = new VmUnderTest();
  await vm.booted();
  const { endpoint } = vm.generations()[0]!.holder;
  const backup = vm.backup('--join', endpoint);
  await inSync(backup);
  expect((await vm.status()).protection).toBe('protected');
});
