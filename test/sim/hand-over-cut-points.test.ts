import { afterEach, expect, it, vi } from 'vitest';
import { GenerationGuard } from '../../src/role/generation-guard.js';
import { Reservation } from '../../src/role/reservation.js';
import { calmPlan } from '../../src/sim/fault-plan.js';
import { SimHolderProbe } from '../../src/sim/sim-holder-probe.js';
import { simulate, type RunReport } from '../../src/sim/simulation.js';
import type { SimCluster } from '../../src/sim/sim-cluster.js';
import type { SimProcess } from '../../src/sim/sim-process.js';

/* A planned switch-over under load: each side dies, or is stopped too long, at each of its acts around it. */
const leaveAtMs = 120;
const life = calmPlan(7, {
  loadMs: 200,
  clientThinkMs: 25,
  restartMsMin: 30,
  restartMsMax: 60,
  failureTimeoutMs: 200,
  pace: { epochMs: 0.5, sleepMs: 11, hopMs: 0.05, buildMs: 1 },
  faults: [{ atMs: leaveAtMs, kind: 'handOver', target: 'live' }],
});

const stopped = 'is stopped beyond the failure timeout';
const strikes: Record<string, (process: SimProcess, cluster: SimCluster) => void> = {
  dies: (process) => process.end('killed'),
  [stopped]: (process, { timeline }) => {
    process.pause();
    timeline.after(1.5 * life.failureTimeoutMs, () => process.resume());
  },
};
const cases = Object.keys(strikes).flatMap((how) => ['a1', 'b1'].map((name) => ({ name, how })));

afterEach(() => {
  vi.restoreAllMocks();
});

it('claims ahead, is live in that generation, and says so in the one after', async () => {
  let reasons: string[] = [];
  const { violations, failovers } = await simulate(life, (cluster) => {
    cluster.timeline.at(life.loadMs, () => {
      reasons = [1, 2, 3].map((generation) => cluster.store.read(generation)?.reason ?? '');
    });
  });
  expect({ violations, failovers, reasons }).toEqual({
    violations: [],
    failovers: 1,
    reasons: ['start', 'handOver', 'handedOver'],
  });
});

it.each(cases)('keeps every promise when $name $how at any of its acts around it', async (each) => {
  expect(await brokenWhen(each)).toEqual([]);
});

it('keeps every promise when the two part at any moment of it', async () => {
  expect(await brokenByPartitions()).toEqual([]);
});

it('notices an heir that goes live on a suspicion with no more than its claim ahead', async () => {
  vi.spyOn(Reservation.prototype, 'isHeld', 'get').mockReturnValue(false);
  expect(await brokenByPartitions()).not.toEqual([]);
});

it('notices a primary that goes on without its heir in the generation that this one has', async () => {
  const { claimAnswered, isHeirs } = GenerationGuard.prototype;
  vi.spyOn(GenerationGuard.prototype, 'claimAnswered').mockImplementation(function (
    this: GenerationGuard,
    generation,
    outcome,
    ...rest
  ) {
    const isWon = outcome.kind === 'lost' && isHeirs.call(this, outcome.holder);
    const wishful = isWon ? ({ kind: 'won' } as const) : outcome;
    return claimAnswered.call(this, generation, wishful, ...rest);
  });
  expect(await brokenWhen({ name: 'b1', how: stopped })).not.toEqual([]);
});

it('does not boot beside an old primary that lost its heir and cannot reach the storage', async () => {
  const { violations, lines, coldStarts } = await simulateLostHeir();
  expect({ violations, coldStarts }, lines.join('\n')).toEqual({ violations: [], coldStarts: 1 });
});

it('notices a start that asks the dead heir alone', async () => {
  vi.spyOn(SimHolderProbe.prototype, 'mayGoLive').mockResolvedValue('no');
  const { violations } = await simulateLostHeir();
  expect(violations).not.toEqual([]);
});

/** The heir dies with the generation in hand; where it was, another replica looks what it is to be. */
function simulateLostHeir(): Promise<RunReport> {
  const loadMs = 3000;
  return simulate({ ...life, isAuto: true, loadMs }, (cluster) => {
    const { onClaimed } = cluster.store;
    cluster.store.onClaimed = (record) => {
      onClaimed(record);
      if (record.reason !== 'handOver') return;
      const { timeline, processes, store } = cluster;
      timeline.after(2000, store.cutOff('a'));
      timeline.after(0, () => processes.get('b1')?.end('killed'));
    };
  });
}

async function brokenWhen({ name, how }: { name: string; how: string }): Promise<string[]> {
  const { first, last } = await actsAround(name);
  const broken: string[] = [];
  for (let act = first; act <= last; act += 1) {
    const { violations } = await simulate(life, (cluster) => {
      cluster.onStarted = (process) => {
        if (process.name !== name) return;
        const strike = (): void => strikes[how]?.(process, cluster);
        process.cutPoint = { act, when: 'before', strike };
      };
    });
    for (const { invariant, what } of violations) {
      broken.push(`${name} ${how} before act ${act}: ${invariant}, ${what}`);
    }
  }
  return broken;
}

async function brokenByPartitions(): Promise<string[]> {
  const broken: string[] = [];
  for (let atMs = leaveAtMs; atMs < leaveAtMs + 5; atMs += 0.2) {
    const cut = { kind: 'partition', direction: 'both', what: 'all' } as const;
    const parting = { ...cut, atMs, target: 'live', forMs: 600 } as const;
    const { violations } = await simulate({
      ...life,
      loadMs: 800,
      faults: [...life.faults, parting],
    });
    for (const { invariant, what } of violations) broken.push(`${atMs}: ${invariant}, ${what}`);
  }
  return broken;
}

/** What the process does from shortly before it is asked to leave until the load is over. */
async function actsAround(name: string): Promise<{ first: number; last: number }> {
  const acts = { first: 0, last: 0 };
  const { violations } = await simulate(life, (cluster) => {
    const actsNow = (): number => cluster.processes.get(name)?.acts ?? 0;
    cluster.timeline.at(leaveAtMs - 1, () => (acts.first = Math.max(1, actsNow())));
    cluster.timeline.at(leaveAtMs + 30, () => (acts.last = actsNow()));
  });
  expect(violations).toEqual([]);
  expect(acts.last).toBeGreaterThan(acts.first);
  return acts;
}
