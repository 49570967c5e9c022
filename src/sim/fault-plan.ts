import type { LastWills } from './sim-last-will.js';
import type { CommitRule } from '../role/redundancy.js';
import type { SlowBackupRule } from '../role/slow-backups.js';
import type { VcpuPace } from './sim-vcpu.js';
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
  /** A planned switch-over, after which it stays as a backup. */
  | { readonly kind: 'handOver'; readonly target: Target }
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
