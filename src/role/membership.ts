import type { Epoch } from '../units.js';
import type { BackupView } from './backup-view.js';
import type { RoleEffect } from './role-effect.js';

/**
 * Whose acks output waits for, and what has to be written on the shared storage when that changes.
 *
 * Shape:  `AllMembership` waits for every backup in sync; `QuorumMembership` for a majority.
 */
export interface Membership {
  /** No answer of the storage is awaited that output has to wait for. */
  readonly mayRelease: boolean;
  /** Output of epochs up to here may leave as far as backups go. */
  covered(ran: Epoch): Epoch;
  /** This backup has all that it would need to go live. True if it is in sync now. */
  caughtUp(backup: BackupView): boolean;
  /** It is gone from the set already. */
  lost(backup: BackupView): RoleEffect[];
  /** To be asked often; output of epochs up to `released` has left. */
  adjust(released: Epoch): RoleEffect[];
  /** A claim of the guard was won: who is in sync from here on and was not before. */
  claimWon(): readonly BackupView[];
  /** Output waits for one that is not heard. */
  isWaitedInVain(nowMs: number): boolean;
  /** How far behind our guest is whoever it has to be slowed down for (§3.2). */
  lagMs(nowMs: number): number;
  /** What only this one has not taken fills the log, and output does not wait for it. */
  readonly straggler: BackupView | null;
}
