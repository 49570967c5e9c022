import { FaultInjector } from './fault-injector.js';
import type { FaultPlan } from './fault-plan.js';
import { SimCluster } from './sim-cluster.js';
import { SimOperator } from './sim-operator.js';
import type { Violation } from './verdict.js';

/** How one seed went. */
export interface RunReport {
  readonly seed: number;
  /** Events of the world that happened. */
  readonly ticks: number;
  readonly simulatedMs: number;
  readonly faults: number;
  readonly failovers: number;
  /** Backups that joined again from the log, without a state. */
  readonly rejoins: number;
  readonly coldStarts: number;
  readonly acknowledged: number;
  readonly digestsCompared: number;
  readonly ghostWrites: number;
  /** From the end of the faults to full redundancy; null if it did not come to that. */
  readonly healMs: number | null;
  readonly violations: readonly Violation[];
  /** The newest lines of what happened. */
  readonly lines: readonly string[];
  /** Over everything that happened: equal for two runs of one plan. */
  readonly traceHash: string;
}

/**
 * Runs a plan: load and faults, then a heal phase that must restore redundancy, then a last look at
 * everything. Ends at the first violation.
 *
 * The production code awaits promises. Whatever settles one says so on the timeline, and then all
 * microtasks run before the next event: the world goes on only when every replica has nothing more to
 * do now, which makes a run a function of its plan.
 */
export async function simulate(
  plan: FaultPlan,
  prepare: (cluster: SimCluster) => void = () => undefined,
): Promise<RunReport> {
  const cluster = new SimCluster(plan);
  const { timeline, verdict, referee, trace } = cluster;
  const operator = new SimOperator(cluster, cluster.prng.fork('operator'));
  const injector = new FaultInjector(cluster);
  prepare(cluster);
  operator.begin();
  injector.begin();
  cluster.clients.start();

  const advance = async (untilMs: number, isDone: () => boolean): Promise<boolean> => {
    while (verdict.isClean) {
      if (timeline.isUnsettled) {
        timeline.isUnsettled = false;
        await microtasksRan();
        cluster.watch();
        continue;
      }
      if (timeline.nextAtMs > untilMs) return false;
      step(cluster);
      if (isDone()) return true;
    }
    return false;
  };

  await advance(plan.loadMs, () => false);
  injector.heal();
  const healAtMs = timeline.nowMs;
  const boundMs = boundOf(plan);
  trace.note('world', 'the faults are over');
  let isHealed = false;
  // A guest that ends by itself is started again, and the bound is for what comes after.
  for (let round = 0, ends = -1; round < healRoundsMax && ends !== cluster.guestEnds; round += 1) {
    if (isHealed || !verdict.isClean) break;
    ends = cluster.guestEnds;
    isHealed = await advance(
      timeline.nowMs + boundMs,
      () => cluster.isRedundant && cluster.clients.haveAllCountedSince(healAtMs),
    );
  }
  const healMs = isHealed ? timeline.nowMs - healAtMs : null;
  if (isHealed) {
    cluster.clients.stop();
    await advance(timeline.nowMs + quietMs, () => false);
    if (verdict.isClean) referee.judgeDisk();
  } else if (verdict.isClean) {
    verdict.violated('redundancy', 'world', `not restored ${boundMs} ms after the last fault`);
  }
  return {
    seed: plan.seed,
    ticks: timeline.happened,
    simulatedMs: timeline.nowMs,
    faults: injector.injected,
    failovers: referee.takeOvers,
    rejoins: referee.rejoins,
    coldStarts: referee.coldStarts,
    acknowledged: cluster.counter.acknowledged,
    digestsCompared: cluster.history.digestsCompared,
    ghostWrites: cluster.disk.ghostWrites,
    healMs,
    violations: verdict.violations,
    lines: trace.lines,
    traceHash: trace.hash,
  };
}

function step(cluster: SimCluster): void {
  const { timeline, trace } = cluster;
  try {
    timeline.step();
  } catch (error) {
    cluster.bug('world', error);
  }
  trace.mix(timeline.nowMs * 1024);
  cluster.watch();
}

/** The whole queue of microtasks is empty before the next immediate. */
function microtasksRan(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

// Detection, a claim on slow storage, a restart by the operator and a state transfer, with room.
const healMsMax = 8_000;
// With journals an operator tries one host after the other: he waits a while before each, and each waits
// for a backup to go live. Those with `--auto` try all at once.
const timeoutsPerTry = 5;

function boundOf({ journal, hosts, failureTimeoutMs, isAuto }: FaultPlan): number {
  const triesInVain = journal === 'none' || isAuto ? 0 : hosts - 1;
  return healMsMax + triesInVain * timeoutsPerTry * failureTimeoutMs;
}
const healRoundsMax = 10;
const quietMs = 50;
