import { expect, it } from 'vitest';
import { live, VmUnderTest } from './vm-under-test.js';

// No silence is long enough to be a death here: nothing that happens is owed to a timeout.
const patient = ['--failure-timeout', '60000'];

it('a stopped backup delays nothing, and when the primary dies who knows what has left goes live', async () => {
  const vm = new VmUnderTest(['--memory', '32', '--append', 'app=counter']);
  const primary = vm.primary('--backups', '2', '--commit', 'quorum', ...patient);
  await primary.stdout.until(/counter ready/);
  const stopped = await vm.protect(...patient);
  const other = await vm.protect(...patient);
  expect(vm.generations().at(-1)?.quorum).toMatchObject({ acks: 1, members: [{}, {}] });
  stopped.signal('SIGSTOP');
  for (let count = 1; count <= 5; count += 1) {
    await primary.ask('add 1', new RegExp(`count ${count}\r\n`));
  }
  expect(await vm.status()).toMatchObject({
    commit: 'quorum',
    acksAwaited: 1,
    primary: { releasing: true },
  });

  primary.signal('SIGKILL');
  await other.stderr.until(/waiting for process \d+/);
  expect(other.stderr.text).toContain(`waiting for process ${stopped.pid} `);
  expect(vm.generations().at(-1)?.reason).toBe('backupJoined');
  stopped.signal('SIGCONT');
  // What was under way to the stopped one it reads when it wakes up: then it knows no less.
  const winner = await Promise.any(
    [other, stopped].map(async (replica) => {
      await live(replica);
      return replica;
    }),
  );
  await winner.ask('add 1', /count 6\r\n/);
});

it('is refused with a journal before the VM is made, and with disks of their own', async () => {
  const vm = new VmUnderTest();
  const withJournal = await vm.run(
    ...['run', vm.dir, '--primary', '--commit', 'quorum', '--journal', vm.place],
  );
  expect(withJournal.stderr).toContain('[FTVM_QUORUM_JOURNAL]');
  expect(withJournal.stderr).not.toContain('creating');
  expect(withJournal.status).toBe(4);
  const withCopies = vm.primary('--commit', 'quorum', '--disk-mode', 'replicated');
  expect(await withCopies.ended).toBe(4);
  expect(withCopies.stderr.text).toContain('[FTVM_QUORUM_DISKS]');
});
