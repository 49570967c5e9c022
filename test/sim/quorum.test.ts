import { afterEach, expect, it, vi } from 'vitest';
import type { ClaimOutcome } from '../../src/arbiter/claim-outcome.js';
import type { GenerationRecord } from '../../src/arbiter/generation-record.js';
import { Election } from '../../src/role/election.js';
import { Standing } from '../../src/role/standing.js';
import { calmPlan, type Fault, type FaultPlan } from '../../src/sim/fault-plan.js';
import type { SimCluster } from '../../src/sim/sim-cluster.js';
import { simulate } from '../../src/sim/simulation.js';
import { says, scenario } from './scenario.js';

/* `--commit quorum`: a primary and two backups (hosts a, b, c; a starts the VM). */
const threeHosts: Partial<FaultPlan> = { hosts: 3, commit: 'quorum' };

afterEach(() => {
  vi.restoreAllMocks();
});

/** The longest that output has waited, on whoever was live at the end, in each run. */
async function commitDelayMsMax(faults: readonly Fault[], commit: 'all' | 'quorum') {
  const clusters: SimCluster[] = [];
  const prepare = (cluster: SimCluster): void => void clusters.push(cluster);
  await scenario(faults, { ...threeHosts, commit, failureTimeoutMs: 500 }, { seeds: 3, prepare });
  return clusters.map((cluster) => {
    const status = cluster.host('live')?.witness?.replica?.status();
    return status?.kind === 'primary' ? status.status.commitDelayMs.max : Infinity;
  });
}

it('one backup of two is stopped: output does not wait for it', async () => {
  const faults: Fault[] = [{ atMs: 500, kind: 'pause', target: 2, forMs: 800, afterActs: 0 }];
  expect(Math.max(...(await commitDelayMsMax(faults, 'quorum')))).toBeLessThan(100);
  expect(Math.min(...(await commitDelayMsMax(faults, 'all')))).toBeGreaterThan(400);
});

it('a backup is stopped and the primary dies: the other one waits for it, then one goes live', async () => {
  const faults: Fault[] = [
    { atMs: 500, kind: 'pause', target: 2, forMs: 600, afterActs: 0 },
    { atMs: 600, kind: 'kill', target: 'live', afterActs: 0 },
  ];
  for (const report of await scenario(faults, { ...threeHosts, failureTimeoutMs: 500 })) {
    expect(report.failovers).toBe(1);
    expect(report.coldStarts).toBe(1);
    const live = report.lines.find((line) => line.includes('"wentLive"')) ?? '';
    expect(live).toContain(' b1 ');
    expect(Number(live.trim().split(' ')[0])).toBeGreaterThan(1100);
  }
});

it('the primary dies and a backup that it has dropped is away: the other one goes live', async () => {
  const faults: Fault[] = [
    { atMs: 500, kind: 'kill', target: 2, afterActs: 0 },
    { atMs: 600, kind: 'kill', target: 'live', afterActs: 0 },
  ];
  for (const report of await scenario(faults, {
    ...threeHosts,
    restartMsMin: 400,
    restartMsMax: 500,
  })) {
    expect(report.failovers).toBe(1);
    expect(report.coldStarts).toBe(1);
  }
});

/** Host c hears nothing for a while; then the two die who know what has left meanwhile. */
const lastOfThree: Fault[] = [
  { atMs: 500, kind: 'partition', target: 2, direction: 'in', what: 'channel', forMs: 150 },
  { atMs: 600, kind: 'kill', target: 1, afterActs: 0 },
  { atMs: 600, kind: 'kill', target: 'live', afterActs: 0 },
];

it('whoever knew what has left is dead: nobody goes live without it', async () => {
  for (const report of await scenario(lastOfThree, threeHosts)) {
    expect(report.failovers).toBe(0);
    expect(report.coldStarts).toBe(2);
    expect(says(report, 'too few of those in sync are left')).toBe(true);
  }
});

/** The storage performs what the first primary claims for its backups only when it is dead. */
function claimsLate({ store, timeline, processes }: SimCluster): void {
  const accessOf = store.accessOf.bind(store);
  vi.spyOn(store, 'accessOf').mockImplementation((process) => {
    const access = accessOf(process);
    const claim = async (record: GenerationRecord): Promise<ClaimOutcome> => {
      if (process.name !== 'a1' || record.reason === 'start') return access.claim(record);
      const [another] = [...processes.values()].filter(({ host }) => host === 'b');
      if (another) timeline.after(lateMs, () => void accessOf(another).claim(record));
      return new Promise(() => undefined);
    };
    return { ...access, claim };
  });
}
const lateMs = 1200;
const deadBeforeItsClaim: Fault[] = [{ atMs: 600, kind: 'kill', target: 'live', afterActs: 0 }];

it.each([
  ['the operator waits', { isAuto: false, restartMsMin: 2000, restartMsMax: 2500 }],
  ['with --auto', { isAuto: true, failureTimeoutMs: 500 }],
] as const)(
  'a member that has given up is named by a claim that took its time, and goes live: %s (seed 51015602)',
  async (_, changes) => {
    const reports = await scenario(
      deadBeforeItsClaim,
      { hosts: 2, commit: 'quorum', ...changes },
      { prepare: claimsLate },
    );
    for (const { failovers, coldStarts } of reports) {
      expect([failovers, coldStarts]).toEqual([1, 1]);
    }
  },
);

it('a member that has given up and does not look again: the VM boots, and forgets', async () => {
  vi.spyOn(Standing.prototype, 'isMemberOf').mockReturnValue(false);
  const world = { ...calmPlan(1), hosts: 2, commit: 'quorum', isAuto: false } as const;
  const restarts = { restartMsMin: 2000, restartMsMax: 2500 };
  const faults = deadBeforeItsClaim;
  const report = await simulate({ ...world, ...restarts, faults }, claimsLate);
  expect(report.violations.map(({ invariant }) => invariant)).toContain('redundancy');
});

it('a member that counts the dead for itself goes live without what has left', async () => {
  const records = new WeakMap<Election, GenerationRecord>();
  const { read, answered } = Election.prototype;
  vi.spyOn(Election.prototype, 'read').mockImplementation(function (this: Election, latest) {
    records.set(this, latest);
    return read.call(this, latest);
  });
  vi.spyOn(Election.prototype, 'answered').mockImplementation(function (
    this: Election,
    replica,
    answer,
    nowMs,
  ) {
    const members = records.get(this)?.quorum?.members ?? [];
    const seat = members.find(({ identity }) => identity.replica === replica)?.seat ?? '';
    const wishful = answer === 'gone' ? { seat, hasLeft: true, received: 0 } : answer;
    answered.call(this, replica, wishful, nowMs);
  });
  const violated = await Promise.all(
    [1, 2, 3].map((seed) => simulate({ ...calmPlan(seed), ...threeHosts, faults: lastOfThree })),
  );
  const invariants = violated.flatMap(({ violations }) => violations.map((each) => each.invariant));
  expect(invariants).toContain('outputKept');
});
