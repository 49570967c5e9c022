import type { Epoch } from '../units.js';
import { recordBytes, type LogRecord } from './log-record.js';

/**
 * The newest records of a log, for whoever lost touch a moment ago and can go on from there.
 *
 * Shape:  consecutive epochs, oldest first; what is too old goes by itself.
 * Units:  at most `bytesMax` of record and `recordsMax` records: a quiet guest makes a thousand small
 *         ones a second, which weigh more in memory than on the wire.
 */
export class RetainedLog {
  readonly #bytesMax: number;
  #records: LogRecord[] = [];
  #head = 0;
  #levelBytes = 0;

  constructor(bytesMax: number, records: readonly LogRecord[] = []) {
    this.#bytesMax = bytesMax;
    for (const record of records) this.append(record);
  }

  append(record: LogRecord): void {
    this.#records.push(record);
    this.#levelBytes += recordBytes(record);
    while (this.#isOver) {
      this.#levelBytes -= recordBytes(this.#records[this.#head]!);
      this.#head += 1;
    }
    if (this.#head > Math.max(64, this.#records.length / 2)) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Undefined: it was never here, or is not any more. */
  at(epoch: Epoch): LogRecord | undefined {
    const first = this.#records[this.#head];
    return first && epoch >= first.epoch
      ? this.#records[this.#head + epoch - first.epoch]
      : undefined;
  }
  /** From `epoch` on; none if that one is not here. */
  from(epoch: Epoch): LogRecord[] {
    const first = this.#records[this.#head];
    return first && epoch >= first.epoch
      ? this.#records.slice(this.#head + epoch - first.epoch)
      : [];
  }
  get all(): LogRecord[] {
    return this.#records.slice(this.#head);
  }

  get #isOver(): boolean {
    const count = this.#records.length - this.#head;
    return count > 0 && (this.#levelBytes > this.#bytesMax || count > recordsMax);
  }
}

// A quarter of a minute of a busy guest, some 10 MB of objects.
const recordsMax = 16_384;
