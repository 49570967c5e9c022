import type { Generation } from '../units.js';
import type { Seat } from './seat.js';

/** Names one run of one replica process; a restarted process is another replica. */
export type ReplicaId = string;

/**
 * What `generations/generation-N.json` says: who is live in generation N.
 *
 * Shape:  written whole and never changed; N+1 is a new file (FT paper §2.3, without a flag to reset).
 */
export interface GenerationRecord {
  readonly generation: Generation;
  readonly vm: string;
  readonly holder: ReplicaIdentity;
  /** Replicas whose acks the holder waits for from the start, and who may therefore claim N+1. */
  readonly inSync: readonly ReplicaId[];
  readonly reason: ClaimReason;
  readonly claimedAt: string;
  /** The holder's own copy of the disks (node/disk-copy.ts); absent when replicas share them. */
  readonly disk?: string;
  /** The holder keeps the log: a boot from the disk alone may forget what it had answered. */
  readonly keepsJournal?: boolean;
  /** Claimed ahead: who is live in the generation before until it says goodbye (role/reservation.ts). */
  readonly handedOverBy?: ReplicaIdentity;
  /** With `--commit quorum`: `inSync` in full, and how many of them output waits for. */
  readonly quorum?: Quorum;
}

/** Whose acks count, and how many output needs; the rest, and one more, decide a takeover. */
export interface Quorum {
  readonly acks: number;
  readonly members: readonly Member[];
}
export interface Member {
  readonly identity: ReplicaIdentity;
  readonly seat: Seat;
}

export interface ReplicaIdentity {
  readonly replica: ReplicaId;
  readonly pid: number;
  readonly host: string;
  /** Where the holder takes backups: `ws://host:port`. */
  readonly endpoint: string;
  /** Where status, metrics and the console are served: `http://host:port`. */
  readonly api: string;
}

/**
 * `start`: booted from disk. `resume`: went on from a journal. `takeover`: a backup went live.
 * `backupLost`: goes on without it. `backupJoined`: with it, where a generation names the members.
 * `handOver`: is live as soon as `handedOverBy` has said goodbye. `handedOver`: it was, and is.
 */
export type ClaimReason =
  'start' | 'resume' | 'takeover' | 'backupLost' | 'backupJoined' | 'handOver' | 'handedOver';
