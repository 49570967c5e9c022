import { expect, it } from 'vitest';
import { calmPlan } from '../../src/sim/fault-plan.js';
import { simulate } from '../../src/sim/simulation.js';

/*
 * Three with --auto; the primary dies, both backups claim, one wins, the other joins it, the dead one
 * comes back. Each of the two dies, or is stopped, before every single act of it.
 */
const life = calmPlan(11, {
  hosts: 3,
  isAuto: true,
  loadMs: 260,
  clientThinkMs: 25,
  restartMsMin: 30,
  restartMsMax: 60,
  failureTimeoutMs: 100,
  pace: { epochMs: 0.5, sleepMs: 11, hopMs: 0.05, buildMs: 1 },
  faults: [{ atMs: 140, kind: 'kill', target: 'live', afterActs: 0 }],
});

it.each([
  ['b1', 'dies'],
  ['c1', 'dies'],
  ['b1', 'is stopped'],
  ['c1', 'is stopped'],
])('keeps every promise when %s %s at any of its acts', async (name, how) => {
  const broken: string[] = [];
  let count = 0;
  await simulate(life, (begun) => {
    begun.timeline.at(life.loadMs, () => (count = begun.processes.get(name)?.acts ?? 0));
  });
  expect(count).toBeGreaterThan(20);
  for (let act = 1; act <= count; act += 1) {
    const { violations } = await simulate(life, (cluster) => {
      cluster.onStarted = (process) => {
        if (process.name !== name) return;
        const strike = (): void => {
          if (how === 'dies') return process.end('killed');
          process.pause();
          cluster.timeline.after(1.5 * life.failureTimeoutMs, () => process.resume());
        };
        process.cutPoint = { act, when: 'before', strike };
      };
    });
    for (const { invariant, what } of violations) broken.push(`act ${act}: ${invariant}, ${what}`);
  }
  expect(broken).toEqual([]);
});
