import type { StateProgress } from '../channel/state-transfer.js';
import type { Epoch, Generation } from '../units.js';
import type { BackupDisks } from './backup-disks.js';
import type { BackupView } from './backup-view.js';
import type { CommitRule } from './redundancy.js';

/** What every screen shows of a primary. */
export interface PrimaryStatus {
  readonly generation: Generation;
  readonly epoch: Epoch;
  /** By the operator. */
  readonly isPaused: boolean;
  /** False while output waits: for a claim, for an answer of storage, for a backup that is not heard. */
  readonly releasing: boolean;
  readonly heldOutputs: number;
  readonly commitDelayMs: { readonly mean: number; readonly max: number; readonly count: number };
  readonly sharePercent: number;
  readonly logBufferBytes: number;
  readonly backupsWished: number;
  readonly commit: CommitRule;
  readonly backups: readonly BackupStatusRow[];
}

export interface BackupStatusRow {
  readonly identity: BackupView['identity'];
  readonly state: BackupView['state'];
  readonly inSync: boolean;
  readonly acked: Epoch;
  readonly ran: Epoch;
  readonly lagMs: number;
  readonly heartbeatsMissing: boolean;
  /** While its state goes over. */
  readonly stateProgress: StateProgress | null;
  /** While its copy of the disks is compared with ours. */
  readonly diskProgress: StateProgress | null;
  /** It went on from the log, behind that epoch. */
  readonly rejoinedAt: Epoch | null;
}

export function backupStatusRow(
  backup: BackupView,
  disks: BackupDisks,
  nowMs: number,
): BackupStatusRow {
  return {
    identity: backup.identity,
    state: backup.state,
    inSync: backup.state === 'inSync',
    acked: backup.acked,
    ran: backup.ran,
    lagMs: backup.lag.lagMs(nowMs),
    heartbeatsMissing: backup.detector.heartbeatsMissing(nowMs),
    stateProgress: backup.transfer?.progress ?? null,
    diskProgress: disks.progressOf(backup),
    rejoinedAt: backup.rejoinedAt,
  };
}

/** How long output waits for its acks: the price of the Output Rule. */
export class CommitDelay {
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  add(waitedMs: number): void {
    this.#count += 1;
    this.#sumMs += waitedMs;
    this.#maxMs = Math.max(this.#maxMs, waitedMs);
  }

  get summary(): PrimaryStatus['commitDelayMs'] {
    const mean = this.#count === 0 ? 0 : this.#sumMs / this.#count;
    return { mean, max: this.#maxMs, count: this.#count };
  }
}
