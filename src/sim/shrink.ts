import type { FaultPlan } from './fault-plan.js';
import { simulate, type RunReport } from './simulation.js';

/**
 * Leaves out of a failing plan whatever it fails without: faults in ever smaller groups, then bad
 * weather, kind by kind. What is left is where to look.
 *
 * Shape:  the same invariant has to break for a smaller plan to count; where and when may change.
 */
export async function shrink(
  plan: FaultPlan,
  onProgress: (faults: number) => void = () => undefined,
): Promise<{ readonly plan: FaultPlan; readonly report: RunReport }> {
  let smallest = plan;
  let report = await simulate(plan);
  const invariant = report.violations[0]?.invariant;
  const tryPlan = async (candidate: FaultPlan): Promise<boolean> => {
    const found = await simulate(candidate);
    if (invariant === undefined || found.violations[0]?.invariant !== invariant) return false;
    [smallest, report] = [candidate, found];
    onProgress(candidate.faults.length);
    return true;
  };

  for (let size = Math.ceil(plan.faults.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < smallest.faults.length;) {
      const faults = smallest.faults.filter((_, i) => i < from || i >= from + size);
      if (!(await tryPlan({ ...smallest, faults }))) from += size;
    }
  }
  for (const calm of calmer) await tryPlan(calm(smallest));
  return { plan: smallest, report };
}

/** Each takes one kind of trouble out of a world. */
const calmer: readonly ((plan: FaultPlan) => FaultPlan)[] = [
  (plan) => ({ ...plan, skews: [] }),
  (plan) => ({ ...plan, network: { ...plan.network, lossRate: 0, duplicateRate: 0 } }),
  (plan) => ({ ...plan, network: { ...plan.network, damageRate: 0 } }),
  (plan) => ({ ...plan, disk: { ...plan.disk, readFailureRate: 0, writeFailureRate: 0 } }),
  (plan) => ({ ...plan, guest: { ...plan.guest, rebootRate: 0 } }),
  (plan) => ({ ...plan, guest: { ...plan.guest, powerOffRate: 0, crashRate: 0 } }),
  (plan) => ({ ...plan, guest: { ...plan.guest, readRate: 0 } }),
  (plan) => ({ ...plan, guest: { ...plan.guest, frameRate: 0 } }),
  (plan) => ({ ...plan, guest: { ...plan.guest, talkRate: 0 } }),
];
