import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { SeatStatus } from '../arbiter/seat.js';
import type { StateProgress } from '../channel/state-transfer.js';
import type { Epoch, Generation } from '../units.js';
import type { CommitRule } from './redundancy.js';

/** What every screen shows of a replica that follows. */
export interface BackupStatus {
  readonly phase: string;
  /** While the primary's state arrives. */
  readonly stateProgress: StateProgress | null;
  /** While its copy of the disks is compared with the primary's. */
  readonly diskProgress: StateProgress | null;
  /** Null: its machine is of this primary's state, or of none yet. */
  readonly rejoinedAt: Epoch | null;
  readonly generation: Generation;
  readonly primary: ReplicaIdentity | null;
  readonly commit: CommitRule;
  /** The one before until it is welcome; null before the first. */
  readonly seat: SeatStatus | null;
  readonly inSync: boolean;
  readonly backupsWished: number;
  readonly received: Epoch;
  readonly ran: Epoch;
  readonly isPaused: boolean;
  readonly logBufferBytes: number;
}

/** As in the picture of `Backup`. */
export type BackupPhase =
  | 'greeting'
  | 'receiving'
  | 'replaying'
  | 'settling'
  | 'electing'
  | 'claiming'
  | 'goingLive'
  | 'over';
