import { expect, it } from 'vitest';
import { inSync, live, VmUnderTest } from './vm-under-test.js';

it('of two backups one goes live, and the other goes on from its log: no state goes over', async () => {
  const vm = new VmUnderTest(['--memory', '32', '--append', 'app=counter']);
  const primary = vm.primary('--backups', '2');
  await primary.stdout.until(/counter ready/);
  const backups = [await vm.protect(), await vm.protect()];
  await primary.ask('add 5', /count 5\r\n/);
  await primary.kill();

  const liveAgain = backups.map(({ stderr }) => stderr.until(/LIVE at epoch/).then(() => true));
  for (const each of liveAgain) each.catch(() => undefined);
  await Promise.race(liveAgain);
  const { pid } = vm.generations().at(-1)!.holder;
  const winner = backups.find((backup) => backup.pid === pid)!;
  const loser = backups.find((backup) => backup !== winner)!;
  const [, epoch] = await loser.stderr.until(/rejoined from the log at epoch (\d+)/);
  await inSync(loser, loser.stderr.text.indexOf('rejoined'));
  await winner.stderr.until(/protected: backup/);
  expect(winner.stderr.text).toContain(`from the log behind epoch ${epoch}: no state goes over`);
  expect(winner.stderr.text).not.toContain('state cut');
  const status = await vm.status();
  expect(status.backups).toMatchObject([{ pid: loser.pid, rejoinedAtEpoch: Number(epoch) }]);
  expect(status.lastJoin.pauseMs).toBe(0);

  // It is a backup like any other: what the winner says next, it knows.
  await winner.ask('add 2', /count 7\r\n/);
  await winner.kill();
  await live(loser);
  await loser.ask('get', /count 7\r\n/);
});
