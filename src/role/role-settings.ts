import type { HandshakeSelf } from '../channel/handshake.js';
import type { Redundancy } from './redundancy.js';
import type { SlowBackupRule } from './slow-backups.js';

/** What the operator decides about a replica. */
export interface RoleSettings {
  readonly self: HandshakeSelf;
  /** `host:port` where this replica hears heartbeats. */
  readonly heartbeatTo: string;
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
}

export const defaultFailureTimeoutMs = 500;
export const defaultLogBufferBytesMax = 32 * 1024 * 1024;
export const defaultLagMsTarget = 100;
