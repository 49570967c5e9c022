import { expect, it } from 'vitest';
import { AutoTrio, first } from './auto-trio.js';

it('three with --auto: any one may die, again and again, and nothing acknowledged is lost', async () => {
  const trio = new AutoTrio();
  const { vm } = trio;
  const all = [trio.start(), trio.start(), trio.start()];
  await first(all.map(({ stdout }) => stdout.until(/counter ready/)));
  let count = 0;
  const inc = async (): Promise<void> => {
    count += 1;
    await trio.live.ask('inc', new RegExp(`count ${count}\r\n`));
  };
  await trio.isWhole();
  for (const whom of ['live', 'backup', 'live'] as const) {
    await inc();
    const { live, replicas } = trio;
    const victim = whom === 'live' ? live : replicas.find((replica) => replica !== live)!;
    const survivors = replicas.filter((replica) => replica !== victim);
    const tookOver = survivors.map(({ stderr }) => stderr.until(/LIVE at epoch/, stderr.end));
    await trio.kill(victim);
    trio.start();
    if (whom === 'live') await first(tookOver);
    for (const each of tookOver) each.catch(() => undefined);
    await inc();
    await trio.isWhole();
  }
  const status = await vm.run('status', vm.dir, '--check');
  expect(status).toMatchObject({ status: 0, stdout: expect.stringMatching('2 backups in sync') });
  expect(vm.generations().filter(({ reason }) => reason === 'start')).toHaveLength(1);

  // One may be ended by hand; the guest's end ends the others.
  const leaving = trio.replicas.find((replica) => replica !== trio.live)!;
  await vm.run('stop', vm.dir, '--replica', String(leaving.pid));
  expect(await leaving.ended).toBe(130);
  expect((await vm.run('status', vm.dir, '--check')).status).toBe(6);
  await vm.run('stop', vm.dir);
  const others = trio.replicas.filter((replica) => replica !== leaving);
  expect(await Promise.all(others.map(({ ended }) => ended))).toEqual([0, 0]);
});

it('a primary that was stopped and replaced becomes a backup again, without ending', async () => {
  const trio = new AutoTrio();
  const [a, b] = [trio.start(), trio.start()];
  await first([a, b].map(({ stdout }) => stdout.until(/counter ready/)));
  await trio.isWhole();
  const old = trio.live;
  const other = old === a ? b : a;
  old.signal('SIGSTOP');
  await other.stderr.until(/LIVE at epoch/);
  old.signal('SIGCONT');
  await old.stderr.until(/joining again[^]*in sync with the primary/);
  await other.ask('inc', /count 1\r\n/);
});
