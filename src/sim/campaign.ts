import type { FaultPlan } from './fault-plan.js';
import { rollPlan } from './roll-plan.js';
import { simulate, type RunReport } from './simulation.js';

/** Sums over many seeds. Units: as `RunReport`. */
export interface CampaignTotals {
  seeds: number;
  ticks: number;
  simulatedMs: number;
  faults: number;
  failovers: number;
  rejoins: number;
  coldStarts: number;
  acknowledged: number;
  digestsCompared: number;
  ghostWrites: number;
  healMsMax: number;
}

export interface Campaign {
  readonly totals: CampaignTotals;
  /** Seeds that violated something, with their last moments. */
  readonly failed: readonly RunReport[];
}

/**
 * Runs seed after seed. `goOn` is asked before each; what it answers no to is not run.
 */
export async function runCampaign(
  seeds: Iterable<number>,
  options: {
    readonly goOn?: (totals: CampaignTotals, failed: readonly RunReport[]) => boolean;
    readonly planOf?: (seed: number) => FaultPlan;
  } = {},
): Promise<Campaign> {
  const { goOn = () => true, planOf = rollPlan } = options;
  const totals: CampaignTotals = {
    seeds: 0,
    ticks: 0,
    simulatedMs: 0,
    faults: 0,
    failovers: 0,
    rejoins: 0,
    coldStarts: 0,
    acknowledged: 0,
    digestsCompared: 0,
    ghostWrites: 0,
    healMsMax: 0,
  };
  const failed: RunReport[] = [];
  for (const seed of seeds) {
    if (!goOn(totals, failed)) break;
    const report = await simulate(planOf(seed));
    totals.seeds += 1;
    totals.ticks += report.ticks;
    totals.simulatedMs += report.simulatedMs;
    totals.faults += report.faults;
    totals.failovers += report.failovers;
    totals.rejoins += report.rejoins;
    totals.coldStarts += report.coldStarts - 1;
    totals.acknowledged += report.acknowledged;
    totals.digestsCompared += report.digestsCompared;
    totals.ghostWrites += report.ghostWrites;
    totals.healMsMax = Math.max(totals.healMsMax, report.healMs ?? 0);
    if (report.violations.length > 0) failed.push(report);
  }
  return { totals, failed };
}
