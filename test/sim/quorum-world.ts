import { rollPlan, type FaultPlan } from '../../src/sim/fault-plan.js';

/** What the dice make of a seed, with three to five hosts and output that waits for a majority. */
export function rollQuorumPlan(seed: number): FaultPlan {
  const plan = rollPlan(seed);
  const hosts = 3 + (seed % 3);
  return {
    ...plan,
    hosts,
    disks: 'shared',
    journal: 'none',
    commit: 'quorum',
    skews: Array.from({ length: hosts }, (_, i) => plan.skews[i] ?? { offsetMs: 0, rate: 1 }),
    faults: plan.faults.filter(({ kind }) => kind !== 'killAll'),
  };
}
