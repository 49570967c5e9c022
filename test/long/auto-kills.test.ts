import { expect, it } from 'vitest';
import { AutoTrio, first } from '../end-to-end/auto-trio.js';
import { Prng } from '../../src/sim/prng.js';

const rounds = 25;

it('three with --auto outlive many deaths of any of them, in the middle of what they do', async () => {
  const prng = new Prng(1, 'who dies');
  const trio = new AutoTrio();
  const all = [trio.start(), trio.start(), trio.start()];
  await first(all.map(({ stdout }) => stdout.until(/counter ready/)));
  await trio.isWhole();
  let acknowledged = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const { live, replicas } = trio;
    const [, count] = await live.ask('inc', /count (\d+)\r\n/);
    acknowledged += 1;
    expect(Number(count)).toBe(acknowledged);
    const victim = prng.pick(replicas);
    const survivors = replicas.filter((replica) => replica !== victim);
    const tookOver = survivors.map(({ stderr }) => stderr.until(/LIVE at epoch/, stderr.end));
    for (const each of tookOver) each.catch(() => undefined);
    // One more is on its way when the power goes.
    live.type('inc\n');
    await trio.kill(victim);
    trio.start();
    if (victim === live) await first(tookOver);
    await trio.isWhole();
    // The line it does not know ends the answers: the one before it answers this get.
    const [, now] = await trio.live.ask('get\nfin', /count (\d+)\r\nerror:/);
    expect([acknowledged, acknowledged + 1]).toContain(Number(now));
    acknowledged = Number(now);
  }
  const starts = trio.vm.generations().filter(({ reason }) => reason === 'start');
  expect(starts).toHaveLength(1);
});
