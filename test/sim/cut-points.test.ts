import { expect, it } from 'vitest';
import { calmPlan } from '../../src/sim/fault-plan.js';
import { simulate } from '../../src/sim/simulation.js';
import type { SimCluster } from '../../src/sim/sim-cluster.js';
import type { SimProcess } from '../../src/sim/sim-process.js';

/*
 * One fixed life: boot, join, load, pause, failover, resume, join again. Everything a replica does that the world can
 * see is an act (a message, a heartbeat, a claim, a disk operation, output); there are finitely many,
 * so each replica dies before and after every single one, and is stopped there to go on too late.
 */
const life = calmPlan(7, {
  loadMs: 260,
  clientThinkMs: 25,
  restartMsMin: 30,
  restartMsMax: 60,
  failureTimeoutMs: 200,
  pace: { epochMs: 0.5, sleepMs: 11, hopMs: 0.05, buildMs: 1 },
  faults: [
    { atMs: 130, kind: 'pauseGuest', forMs: 40 },
    { atMs: 140, kind: 'kill', target: 'live', afterActs: 0 },
  ],
});

it('names the acts of each replica in the life that is cut', async () => {
  const acts = await actsOfLife();
  expect([...acts.keys()]).toEqual(['a1', 'b1', 'a2']);
  for (const count of acts.values()) expect(count).toBeGreaterThan(20);
});

const strikes: Record<string, (process: SimProcess, cluster: SimCluster) => void> = {
  dies: (process) => process.end('killed'),
  'is stopped beyond the failure timeout': (process, { timeline }) => {
    process.pause();
    timeline.after(1.5 * life.failureTimeoutMs, () => process.resume());
  },
};

it.each(Object.keys(strikes).flatMap((how) => ['a1', 'b1', 'a2'].map((name) => ({ name, how }))))(
  'keeps every promise when $name $how at any of its acts',
  async ({ name, how }) => {
    const count = (await actsOfLife()).get(name) ?? 0;
    const broken: string[] = [];
    for (let act = 1; act <= count; act += 1) {
      // To be stopped after an act is to be stopped before the next.
      for (const when of how === 'dies' ? (['before', 'after'] as const) : (['before'] as const)) {
        const { violations } = await simulate(life, (cluster) => {
          cluster.onStarted = (process) => {
            if (process.name !== name) return;
            process.cutPoint = { act, when, strike: () => strikes[how]?.(process, cluster) };
          };
        });
        for (const { invariant, what } of violations) {
          broken.push(`${name} ${how} ${when} act ${act}: ${invariant}, ${what}`);
        }
      }
    }
    expect(broken).toEqual([]);
  },
);

/** How much each process does until the faults are over. */
async function actsOfLife(): Promise<Map<string, number>> {
  const acts = new Map<string, number>();
  let cluster: SimCluster | null = null;
  const { violations } = await simulate(life, (begun) => {
    cluster = begun;
    begun.timeline.at(life.loadMs, () => {
      for (const process of begun.processes.values()) acts.set(process.name, process.acts);
    });
  });
  expect(violations).toEqual([]);
  expect(cluster).not.toBeNull();
  return acts;
}
