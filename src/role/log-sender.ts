import { LogBuffer } from '../log/log-buffer.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch } from '../units.js';
import type { BackupSet } from './backup-set.js';
import type { BackupView } from './backup-view.js';

/** Records for one backup. */
export interface Batch {
  readonly backup: BackupView;
  readonly records: readonly LogRecord[];
}

/**
 * The log on its way to the backups: one buffer, in which each backup has its own place.
 *
 * Shape:  a record stays until every backup that needs it has acknowledged it. With nobody to send
 *         to, nothing is kept.
 * Units:  what a backup has not acknowledged is at most the buffer, whether it waits here or in its
 *         link: this is also the bound of what a link may have to hold (beside the window of a state,
 *         and what was recalled).
 * Source: FT paper §3.2.
 */
export class LogSender {
  readonly #backups: BackupSet;
  readonly #log: LogBuffer;
  #recorded: Epoch;
  #unsentSinceMs = Number.POSITIVE_INFINITY;
  #talkedAtMs = Number.NEGATIVE_INFINITY;
  #flushedAtMs = Number.NEGATIVE_INFINITY;

  constructor(backups: BackupSet, bytesMax: number, lastEpoch: Epoch) {
    this.#backups = backups;
    this.#log = new LogBuffer(bytesMax);
    this.#recorded = lastEpoch;
  }

  /** The newest record the vCPU has made. */
  get recorded(): Epoch {
    return this.#recorded;
  }
  get levelBytes(): number {
    return this.#log.levelBytes;
  }
  get hasUnsent(): boolean {
    return this.#unsentSinceMs !== Number.POSITIVE_INFINITY;
  }
  get isFull(): boolean {
    return this.#log.isFull;
  }
  get hasRoom(): boolean {
    return this.#log.hasRoom;
  }

  add(record: LogRecord, nowMs: number): void {
    this.#recorded = record.epoch;
    if (this.#backups.oldestNeeded === null) return;
    this.#log.append(record);
    this.#unsentSinceMs = Math.min(this.#unsentSinceMs, nowMs);
    for (const backup of this.#backups.all()) {
      if (backup.takesRecords) backup.lag.recorded(record.epoch, nowMs);
    }
  }

  /** What a backup that goes on from its place needs, and nobody else did any more. */
  recall(records: readonly LogRecord[]): void {
    this.#log.putBack(records);
  }

  /** The guest has said something: an answer usually follows an answer. */
  talked(nowMs: number): void {
    this.#talkedAtMs = nowMs;
  }

  /**
   * Records are worth a message at once while the guest talks, so that the ack is back before the
   * output is out; else a few go together, to spare both hosts the work (§3.2, §3.5).
   */
  isDue(nowMs: number): boolean {
    return nowMs - this.#talkedAtMs < talkativeMs || this.isLate(nowMs);
  }
  isLate(nowMs: number): boolean {
    return nowMs - this.#unsentSinceMs >= batchMs;
  }
  /** The guest rests: what there is goes now, if it is not one of many short rests. */
  isDueAtRest(nowMs: number): boolean {
    return this.hasUnsent && nowMs - this.#flushedAtMs >= batchMs;
  }

  /** Takes out, for each backup, what it was not sent yet. */
  flush(nowMs: number): Batch[] {
    const batches: Batch[] = [];
    for (const backup of this.#backups.all()) {
      if (!backup.takesRecords) continue;
      while (backup.nextEpoch <= this.#recorded) {
        const records = this.#log.from(backup.nextEpoch, batchBytesMax);
        const last = records.at(-1);
        if (!last) break;
        backup.nextEpoch = last.epoch + 1;
        batches.push({ backup, records });
      }
    }
    this.#unsentSinceMs = Number.POSITIVE_INFINITY;
    this.#flushedAtMs = nowMs;
    return batches;
  }

  /** Acks came, or a backup went: what nobody needs goes. */
  forget(): void {
    this.#log.dropThrough((this.#backups.oldestNeeded ?? this.#recorded + 1) - 1);
  }
}

const talkativeMs = 20;
const batchMs = 3;
const batchBytesMax = 256 * 1024;
