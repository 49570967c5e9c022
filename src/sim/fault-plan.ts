import type { LastWills } from './sim-last-will.js';
import type { CommitRule } from '../role/redundancy.js';
import type { SlowBackupRule } from '../role/slow-backups.js';
import type { VcpuPace } from './sim-vcpu.js';
import { Prng } from './prng.js';
import type { ClockSkew } from './sim-clock.js';
import type { NetworkWeather } from './sim-network.js';
import type { DiskWeather } from './sim-disk.js';
import type { GuestMood } from './toy-memory.js';

/** Who a fault strikes, decided when it strikes: the live replica's host, another one, or by number. */
export type Target = 'live' | 'other' | number;

/** One thing that goes wrong. Units: ms of the world; a fault that lasts is over after `forMs`. */
export type Fault = { readonly atMs: number } & (
  | { readonly kind: 'kill'; readonly target: Target; readonly afterActs: number }
  | { readonly kind: 'powerLoss'; readonly target: Target; readonly forMs: number }
  /** All hosts at once, by `kill -9` or by losing power. */
  | { readonly kind: 'killAll'; readonly isPowerLoss: boolean }
  | {
      readonly kind: 'pause';
      readonly target: Target;
      readonly forMs: number;
      readonly afterActs: number;
    }
  | {
      readonly kind: 'partition';
      readonly target: Target;
      readonly direction: 'in' | 'out' | 'both';
      readonly what: 'all' | 'channel' | 'datagrams';
      readonly forMs: number;
    }
  | {
      readonly kind: 'lag';
      readonly target: Target;
      readonly delayMs: number;
      readonly forMs: number;
    }
  | { readonly kind: 'resetLinks'; readonly target: Target }
  | { readonly kind: 'storageDown'; readonly target: Target | 'all'; readonly forMs: number }
  | {
      readonly kind: 'slowDisk';
      readonly target: Target;
      readonly factor: number;
      readonly forMs: number;
    }
  | {
      readonly kind: 'failingDisk';
      readonly target: Target;
      readonly rate: number;
      readonly forMs: number;
    }
  | { readonly kind: 'clockJump'; readonly target: Target; readonly byMs: number }
  | {
      readonly kind: 'slowHost';
      readonly target: Target;
      readonly factor: number;
      readonly forMs: number;
    }
  /** The operator ends a replica in good order. */
  | { readonly kind: 'leave'; readonly target: Target }
  /** The operator starts a second primary, or tries to. */
  | { readonly kind: 'startPrimary' }
  | { readonly kind: 'powerButton' }
  | { readonly kind: 'resetButton' }
  /** The operator pauses the guest, and resumes it. */
  | { readonly kind: 'pauseGuest'; readonly forMs: number }
);

/** A world and what befalls it: with the seed, all there is to know about a run. */
export interface FaultPlan {
  readonly seed: number;
  readonly hosts: number;
  /** Each host runs `ftvm run --auto`; else an operator says who is to be what. */
  readonly isAuto: boolean;
  /** Faults happen before this; then everything heals. */
  readonly loadMs: number;
  readonly failureTimeoutMs: number;
  readonly logBufferBytesMax: number;
  readonly slowBackup: SlowBackupRule;
  readonly restartMsMin: number;
  readonly restartMsMax: number;
  readonly clientThinkMs: number;
  readonly network: NetworkWeather;
  readonly disk: DiskWeather;
  readonly guest: GuestMood;
  readonly pace: Omit<VcpuPace, 'slowness'>;
  readonly skews: readonly ClockSkew[];
  /** False takes the overlays away: all generations write to the one image. */
  readonly isFenced: boolean;
  /** Whether replicas keep the log, and output waits for that. */
  readonly journal: 'none' | 'async' | 'sync';
  readonly disks: 'shared' | 'backupReads' | 'replicated';
  /** Whose acks output waits for. */
  readonly commit: CommitRule;
  readonly lastWills: LastWills;
  readonly faults: readonly Fault[];
}

/** A world in which nothing goes wrong: what scenarios start from. */
export function calmPlan(seed: number, changes: Partial<FaultPlan> = {}): FaultPlan {
  return {
    seed,
    hosts: 2,
    isAuto: false,
    loadMs: 1500,
    failureTimeoutMs: 200,
    logBufferBytesMax: 64 * 1024,
    slowBackup: { heldMsMax: 800, lagMsMax: 400, lagForMsMax: 1500, awayMs: 50 },
    restartMsMin: 100,
    restartMsMax: 300,
    clientThinkMs: 40,
    network: { delayMsMin: 0.1, delayMsMax: 0.6, lossRate: 0, duplicateRate: 0, damageRate: 0 },
    disk: { delayMsMin: 0.2, delayMsMax: 3, readFailureRate: 0, writeFailureRate: 0 },
    guest: {
      seed,
      clients: 3,
      diskSectors: 12,
      ballastPages: 2,
      talkRate: 0.3,
      frameRate: 0.2,
      readRate: 0.1,
      writeRate: 0.2,
      rebootRate: 0,
      powerOffRate: 0,
      crashRate: 0,
    },
    pace: { epochMs: 0.5, sleepMs: 5, hopMs: 0.05, buildMs: 1 },
    skews: [],
    isFenced: true,
    journal: 'none',
    disks: 'shared',
    commit: 'all',
    lastWills: 'true',
    faults: [],
    ...changes,
  };
}

/** Swarm testing: each seed rolls which faults it has, how often, and in what kind of world. */
export function rollPlan(seed: number): FaultPlan {
  const prng = new Prng(seed, 'plan');
  const calm = calmPlan(seed);
  const redundancy = prng.fork('redundancy');
  const rate = (max: number, probability = 0.4): number =>
    prng.chance(probability) ? prng.between(0, max) : 0;
  const hosts = prng.pick([2, 2, 2, 2, 3, 3, 3, 4]);
  const failureTimeoutMs = prng.pick([60, 100, 200, 200, 500]);
  const loadMs = 300 + prng.between(6, 14) * failureTimeoutMs;
  const delayMsMax = prng.pick([0.3, 1, 5, 15]);
  const journals = prng.fork('journals');
  const journal = journals.pick(['none', 'none', 'none', 'async', 'sync'] as const);
  const kinds = ['shared', 'shared', 'backupReads', 'replicated'] as const;
  // A journal goes on from a disk that is shared.
  const disks = prng.fork('disks').pick(kinds.slice(0, journal === 'none' ? 4 : 3));
  // What a majority has is in no single journal, and no single disk.
  const mayBeQuorum = hosts > 2 && disks === 'shared' && journal === 'none';
  const commit = prng.fork('commit').chance(0.5) && mayBeQuorum ? 'quorum' : 'all';
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
    skews: Array.from({ length: hosts }, () => ({
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
    leave: (atMs) => ({ atMs, kind: 'leave', target: target() }),
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
type RolledKind = Exclude<Fault['kind'], 'killAll'>;

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
