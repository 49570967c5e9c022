import { describe, expect, it } from 'vitest';
import { calmPlan, type FaultPlan } from '../../src/sim/fault-plan.js';
import { simulate } from '../../src/sim/simulation.js';

/*
 * Three with --auto; the primary dies, both backups want to claim, one wins, the other joins it, the dead
 * one comes back. Each of the two dies, or is stopped, before and after every single act of it. The loser
 * goes on from the winner's log: it is between two primaries, or just behind the second one, at many of
 * these acts. With a majority they first ask each other what they have.
 */
const all = calmPlan(11, {
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
const quorum: FaultPlan = { ...all, commit: 'quorum' };

const strikes = [
  ['b1', 'dies', 'before'],
  ['c1', 'dies', 'before'],
  ['b1', 'dies', 'after'],
  ['c1', 'dies', 'after'],
  ['b1', 'is stopped', 'before'],
  ['c1', 'is stopped', 'before'],
] as const;

describe.each([
  ['output waits for all', all, strikes],
  // After one act is before the next.
  ['output waits for a majority', quorum, strikes.filter(([, , when]) => when === 'before')],
])('when %s', (_what, life, those) => {
  it.each(those)('keeps every promise when %s %s %s any of its acts', async (name, how, when) => {
    const broken: string[] = [];
    let count = 0;
    const { rejoins } = await simulate(life, (begun) => {
      begun.timeline.at(life.loadMs, () => (count = begun.processes.get(name)?.acts ?? 0));
    });
    expect(count).toBeGreaterThan(20);
    expect(rejoins).toBe(1);
    for (let act = 1; act <= count; act += 1) {
      const { violations } = await simulate(life, (cluster) => {
        cluster.onStarted = (process) => {
          if (process.name !== name) return;
          const strike = (): void => {
            if (how === 'dies') return process.end('killed');
            process.pause();
            cluster.timeline.after(1.5 * life.failureTimeoutMs, () => process.resume());
          };
          process.cutPoint = { act, when, strike };
        };
      });
      for (const { invariant, what } of violations)
        broken.push(`act ${act}: ${invariant}, ${what}`);
    }
    expect(broken).toEqual([]);
  });
});
