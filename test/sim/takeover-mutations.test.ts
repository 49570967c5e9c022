import { expect, it } from 'vitest';
import { calmPlan, type Fault } from '../../src/sim/fault-plan.js';
import type { SimCluster } from '../../src/sim/sim-cluster.js';
import { simulate } from '../../src/sim/simulation.js';

/* As in mutations.test.ts: one rule of those that keep a backup from going live is taken out. */

/** What goes wrong first in the worlds of these seeds. */
async function found(
  seeds: number,
  faultsOf: (seed: number) => Fault[],
  prepare?: (cluster: SimCluster) => void,
): Promise<Set<string>> {
  const invariants = new Set<string>();
  for (let seed = 1; seed <= seeds && invariants.size === 0; seed += 1) {
    const calm = { restartMsMin: 30, restartMsMax: 60, clientThinkMs: 3, loadMs: 2200 };
    const plan = calmPlan(seed, { ...calm, faults: faultsOf(seed) });
    const { violations } = await simulate(plan, prepare);
    for (const { invariant } of violations) invariants.add(invariant);
  }
  return invariants;
}

/** Nobody can claim while the primary sleeps, and it wakes up as if nothing had been. */
const sleepsWithoutStorage = (seed: number): Fault[] =>
  [500, 1200].flatMap((atMs): Fault[] => [
    { atMs: atMs - 20, kind: 'storageDown', target: 'all', forMs: 450 },
    { atMs, kind: 'pause', target: 'live', forMs: 350, afterActs: seed % 5 },
  ]);

it('notices a backup that takes unreachable storage for permission', async () => {
  const wishful = ({ store }: SimCluster): void => {
    const accessOf = store.accessOf.bind(store);
    store.accessOf = (process) => {
      const access = accessOf(process);
      const claim = access.claim.bind(access);
      access.claim = async (record) => {
        const outcome = await claim(record);
        if (record.reason !== 'takeover' || outcome.kind !== 'unreachable') return outcome;
        return { kind: 'won' };
      };
      return access;
    };
  };
  expect(await found(10, sleepsWithoutStorage)).toEqual(new Set());
  expect((await found(100, sleepsWithoutStorage, wishful)).size).toBeGreaterThan(0);
});
