import { expect } from 'vitest';
import { calmPlan, type Fault, type FaultPlan } from '../../src/sim/fault-plan.js';
import type { SimCluster } from '../../src/sim/sim-cluster.js';
import { simulate, type RunReport } from '../../src/sim/simulation.js';

/**
 * Runs a calm world with the given faults under some seeds, which move everything else a little, and
 * expects every promise to be kept. A failure names the seed.
 */
export async function scenario(
  faults: readonly Fault[],
  changes: Partial<FaultPlan> = {},
  options: { readonly seeds?: number; readonly prepare?: (cluster: SimCluster) => void } = {},
): Promise<RunReport[]> {
  const reports: RunReport[] = [];
  for (let seed = 1; seed <= (options.seeds ?? 7); seed += 1) {
    const plan = { ...calmPlan(seed), faults, ...changes };
    const guest = { ...plan.guest, ...changes.guest, seed };
    const report = await simulate({ ...plan, guest }, options.prepare);
    expect(report.violations, `seed ${seed}:\n${report.lines.join('\n')}`).toEqual([]);
    reports.push(report);
  }
  return reports;
}

/** Whether some line of the run says that. */
export function says(report: RunReport, text: string): boolean {
  return report.lines.some((line) => line.includes(text));
}
