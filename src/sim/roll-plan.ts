import { calmPlan, type Fault, type FaultPlan, type Target } from './fault-plan.js';
import { Prng } from './prng.js';

/** What is not left to the dice. Everything else is as they would have it. */
export type ForcedPlan = Partial<Pick<FaultPlan, 'hosts' | 'disks' | 'journal' | 'commit'>>;

/** What is wrong with it; null if there are such worlds. */
export function whyImpossible({ hosts, disks, journal, commit }: ForcedPlan): string | null {
  const isJournaled = journal !== undefined && journal !== 'none';
  const isShared = disks === undefined || disks === 'shared';
  if (commit === 'quorum' && (isJournaled || !isShared)) {
    return 'what a majority has is in no single journal, and no single disk';
  }
  if (isJournaled && disks === 'replicated') return 'a journal goes on from a disk that is shared';
  return commit === 'quorum' && hosts === 1 ? 'one host is no majority' : null;
}

/** Swarm testing: each seed rolls which faults it has, how often, and in what kind of world. */
export function rollPlan(seed: number, forced: ForcedPlan = {}): FaultPlan {
  const prng = new Prng(seed, 'plan');
  const calm = calmPlan(seed);
  const redundancy = prng.fork('redundancy');
  const rate = (max: number, probability = 0.4): number =>
    prng.chance(probability) ? prng.between(0, max) : 0;
  const rolledHosts = prng.pick([2, 2, 2, 2, 3, 3, 3, 4]);
  const hosts = forced.hosts ?? rolledHosts;
  const failureTimeoutMs = prng.pick([60, 100, 200, 200, 500]);
  const loadMs = 300 + prng.between(6, 14) * failureTimeoutMs;
  const delayMsMax = prng.pick([0.3, 1, 5, 15]);
  const journals = prng.fork('journals');
  const rolledJournal = journals.pick(['none', 'none', 'none', 'async', 'sync'] as const);
  const isQuorum = forced.commit === 'quorum';
  // A journal goes on from a disk that is shared.
  const mayKeepJournal = !isQuorum && forced.disks !== 'replicated';
  const journal = forced.journal ?? (mayKeepJournal ? rolledJournal : 'none');
  const kinds = ['shared', 'shared', 'backupReads', 'replicated'] as const;
  const rolledDisks = prng.fork('disks').pick(kinds.slice(0, journal === 'none' ? 4 : 3));
  const disks = forced.disks ?? (isQuorum ? 'shared' : rolledDisks);
  // What a majority has is in no single journal, and no single disk.
  const mayBeQuorum = hosts > 2 && disks === 'shared' && journal === 'none';
  const rolledCommit = prng.fork('commit').chance(0.5) && mayBeQuorum ? 'quorum' : 'all';
  const commit = forced.commit ?? rolledCommit;
  // Two who read a slow disk for each other's guest fall behind it; that is no news.
  const slowestDiskMs = Math.min(prng.pick([1, 4, 30]), disks === 'backupReads' ? 1 : 30);
  return {
    seed,
    hosts,
    isAuto: redundancy.chance(0.35),
    loadMs,
    failureTimeoutMs,
    logBufferBytesMax: prng.pick([500, 2048, 16_384, 1 << 20]),
    slowBackup: {
      // Longer than a machine takes to be made, or no backup would ever be fast enough.
      heldMsMax: 300 + failureTimeoutMs * redundancy.pick([0, 1, 3, 9]),
      lagMsMax: redundancy.pick([30, 100, 400]),
      lagForMsMax: redundancy.pick([50, 300, 1500]),
      awayMs: redundancy.pick([10, 50, 100]),
    },
    restartMsMin: 20,
    restartMsMax: prng.pick([40, 100, 300, 900]),
    clientThinkMs: prng.pick([5, 30, 100]),
    network: {
      delayMsMin: 0.05,
      delayMsMax,
      lossRate: rate(0.5),
      duplicateRate: rate(0.3),
      damageRate: rate(0.004, 0.2),
    },
    disk: {
      delayMsMin: 0.1,
      delayMsMax: slowestDiskMs,
      readFailureRate: rate(0.1, 0.25),
      writeFailureRate: rate(0.1, 0.25),
    },
    guest: {
      ...calm.guest,
      ballastPages: prng.pick([0, 0, 3, 30]),
      talkRate: rate(0.9, 0.8),
      frameRate: rate(0.9, 0.7),
      readRate: rate(0.4, 0.7),
      writeRate: rate(0.6, 0.8),
      rebootRate: rate(0.003, 0.25),
      powerOffRate: rate(0.001, 0.15),
      crashRate: rate(0.001, 0.15),
    },
    pace: {
      epochMs: prng.between(0.2, 1.5),
      sleepMs: prng.between(3, 9),
      hopMs: prng.between(0.02, 0.3),
      buildMs: prng.pick([1, 1, 20, 150]),
    },
    skews: Array.from({ length: rolledHosts }, () => ({
      offsetMs: prng.between(0, 1e6),
      rate: prng.chance(0.3) ? prng.between(0.95, 1.05) : 1,
    })),
    isFenced: true,
    disks,
    journal,
    commit,
    lastWills: prng.fork('last wills').pick(['none', 'true', 'true', 'sometimesFalse']),
    faults: [
      ...rollFaults(prng.fork('faults'), { loadMs, failureTimeoutMs }),
      ...rollDeathsOfAll(journals, journal === 'none' ? 0 : loadMs),
    ].sort((a, b) => a.atMs - b.atMs),
  };
}

function rollDeathsOfAll(prng: Prng, loadMs: number): Fault[] {
  return Array.from({ length: loadMs > 0 ? prng.whole(0, 3) : 0 }, () => ({
    atMs: prng.between(startMs, loadMs),
    kind: 'killAll',
    isPowerLoss: prng.chance(0.6),
  }));
}

function rollFaults(
  prng: Prng,
  { loadMs, failureTimeoutMs }: Pick<FaultPlan, 'loadMs' | 'failureTimeoutMs'>,
): Fault[] {
  const target = (): Target => prng.pick(['live', 'live', 'other', 0, 1, 2] as const);
  // Around the failure timeout, where the interesting races are.
  const forMs = (): number => failureTimeoutMs * prng.pick([0.3, 0.6, 1, 1.2, 1.6, 3, 5]);
  const afterActs = (): number => prng.pick([0, 1, 1, 2, 3, 5, 8]);
  const rolls: Record<RolledKind, (atMs: number) => Fault> = {
    kill: (atMs) => ({ atMs, kind: 'kill', target: target(), afterActs: afterActs() }),
    powerLoss: (atMs) => ({ atMs, kind: 'powerLoss', target: target(), forMs: forMs() }),
    pause: (atMs) => ({
      atMs,
      kind: 'pause',
      target: target(),
      forMs: forMs(),
      afterActs: afterActs(),
    }),
    partition: (atMs) => ({
      atMs,
      kind: 'partition',
      target: target(),
      direction: prng.pick(['in', 'out', 'both']),
      what: prng.pick(['all', 'all', 'channel', 'datagrams']),
      forMs: forMs(),
    }),
    lag: (atMs) => ({
      atMs,
      kind: 'lag',
      target: target(),
      delayMs: prng.between(1, failureTimeoutMs),
      forMs: forMs(),
    }),
    resetLinks: (atMs) => ({ atMs, kind: 'resetLinks', target: target() }),
    storageDown: (atMs) => ({
      atMs,
      kind: 'storageDown',
      target: prng.chance(0.4) ? 'all' : target(),
      forMs: forMs(),
    }),
    slowDisk: (atMs) => ({
      atMs,
      kind: 'slowDisk',
      target: target(),
      factor: prng.between(5, 100),
      forMs: forMs(),
    }),
    failingDisk: (atMs) => ({
      atMs,
      kind: 'failingDisk',
      target: target(),
      rate: prng.between(0.1, 1),
      forMs: forMs(),
    }),
    clockJump: (atMs) => ({
      atMs,
      kind: 'clockJump',
      target: target(),
      byMs: prng.between(-1000, 1500),
    }),
    slowHost: (atMs) => ({
      atMs,
      kind: 'slowHost',
      target: target(),
      factor: prng.between(2, 40),
      forMs: forMs(),
    }),
    // Without a draw of its own: other worlds stay as they were.
    leave: (atMs) => {
      const kind = Math.floor(atMs) % 2 === 0 ? 'leave' : 'handOver';
      return { atMs, kind, target: target() };
    },
    startPrimary: (atMs) => ({ atMs, kind: 'startPrimary' }),
    powerButton: (atMs) => ({ atMs, kind: 'powerButton' }),
    resetButton: (atMs) => ({ atMs, kind: 'resetButton' }),
    pauseGuest: (atMs) => ({ atMs, kind: 'pauseGuest', forMs: forMs() }),
  };
  const faults: Fault[] = [];
  // Some worlds are all storm: the second and third failure come before the first is mended.
  const storm = prng.chance(0.15) ? 3 : 1;
  for (const kind of Object.keys(rolls) as RolledKind[]) {
    const perSecond = prng.chance(present[kind])
      ? storm * prng.between(0.2, busiest[kind] ?? 1.5)
      : 0;
    if (perSecond === 0) continue;
    let atMs = startMs + prng.untilNextMs(perSecond);
    for (; atMs < loadMs; atMs += prng.untilNextMs(perSecond)) faults.push(rolls[kind](atMs));
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** Those that every world may know. */
type RolledKind = Exclude<Fault['kind'], 'killAll' | 'handOver'>;

// The first backup should usually be there before things break.
const startMs = 100;
/** How many of a hundred worlds know the fault at all. */
const present: Record<RolledKind, number> = {
  kill: 0.7,
  powerLoss: 0.25,
  pause: 0.45,
  partition: 0.45,
  lag: 0.25,
  resetLinks: 0.3,
  storageDown: 0.35,
  slowDisk: 0.2,
  failingDisk: 0.15,
  clockJump: 0.2,
  slowHost: 0.2,
  leave: 0.2,
  startPrimary: 0.2,
  powerButton: 0.04,
  resetButton: 0.1,
  pauseGuest: 0.2,
};
/** Of a world that knows it, at most so many a second. */
const busiest: Partial<Record<RolledKind, number>> = {
  kill: 3,
  pause: 2.5,
  partition: 2.5,
  powerButton: 0.4,
  resetButton: 0.8,
};
