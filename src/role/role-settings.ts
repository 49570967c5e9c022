import type { HandshakeSelf } from '../channel/handshake.js';
import type { OwnDiskUse } from '../disk/own-disk.js';
import type { DriveName } from '../guest/disk-request.js';
import type { Redundancy } from './redundancy.js';
import type { SlowBackupRule } from './slow-backups.js';

/** What the operator decides about a replica. */
export interface RoleSettings {
  readonly self: HandshakeSelf;
  /** `host:port` where this replica hears heartbeats. */
  readonly heartbeatTo: string;
  /** Told to peers alone; the last will of a peer has to say it. */
  readonly willWord: string;
  /** A peer silent for longer is suspected. */
  readonly failureTimeoutMs: number;
  /** The Output Rule. Off only to demonstrate what it prevents (FT paper §2.2). */
  readonly outputCommit: boolean;
  /** Records kept for a peer, in bytes, before the vCPU (or the peer) has to stop. */
  readonly logBufferBytesMax: number;
  /** Above it the primary's vCPU is slowed. */
  readonly lagMsTarget: number;
  /** When a backup is too slow to be waited for. */
  readonly slowBackup: SlowBackupRule;
  /** What the operator of this replica said; the rest is as its primary says. */
  readonly redundancy: Partial<Redundancy>;
  /** Null: the data of what the guest reads comes with the log (§3.4). */
  readonly ownDisk: OwnDiskSettings | null;
  /** Absent: this replica keeps none. */
  readonly journal?: JournalSettings;
}

/** Replicas that read their disks themselves (§4.1, §4.2). */
export interface OwnDiskSettings {
  readonly use: OwnDiskUse;
  /** Names this replica's copies in the generations it holds; null when the disks are shared. */
  readonly id: string | null;
  /** What each replica has a copy of; none when they share it. */
  readonly copies: readonly { readonly name: DriveName; readonly bytes: number }[];
  /** Of copies, so much is compared as one. */
  readonly chunkBytes: number;
}

/** How the log is kept on a disk of this host. */
export interface JournalSettings {
  /** Output waits until the log that led to it is on every journal's disk. */
  readonly sync: boolean;
  /** A snapshot is due after that much log, or that much time. */
  readonly snapshotBytes: number;
  readonly snapshotMs: number;
}

export const defaultFailureTimeoutMs = 500;
export const defaultLogBufferBytesMax = 32 * 1024 * 1024;
export const defaultLagMsTarget = 100;
/** What a replay of the log since the last snapshot may cost a resume, at most. */
export const defaultSnapshotBytes = 256 * 1024 * 1024;
export const defaultSnapshotMs = 5 * 60 * 1000;
