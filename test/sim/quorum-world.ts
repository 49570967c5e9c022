import type { FaultPlan } from '../../src/sim/fault-plan.js';
import { rollPlan } from '../../src/sim/roll-plan.js';

/** What the dice make of a seed, with three to five hosts and output that waits for a majority. */
export function rollQuorumPlan(seed: number): FaultPlan {
  return rollPlan(seed, { hosts: 3 + (seed % 3), commit: 'quorum' });
}
