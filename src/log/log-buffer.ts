import { assert } from '../assert.js';
import type { Epoch } from '../units.js';
import { recordBytes, type LogRecord } from './log-record.js';

/**
 * Records between the vCPU that makes or runs them and the peer that has or wants them.
 *
 * Shape:  consecutive epochs, oldest first.
 * Units:  `levelBytes` and `bytesMax` are bytes of record, framing estimated.
 * Errors: a gap in the epochs is a bug. A full buffer still takes what is appended: who asks `isFull` stops the vCPU at its
 *         next epoch boundary, one record too late at most (FT paper §3.2).
 */
export class LogBuffer {
  readonly #bytesMax: number;
  #records: LogRecord[] = [];
  #head = 0;
  #levelBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  append(record: LogRecord): void {
    const last = this.#records.at(-1);
    const follows = this.#first === undefined || last?.epoch === record.epoch - 1;
    assert(follows, `epoch ${record.epoch} in the log after epoch ${last?.epoch ?? 0}`);
    this.#records.push(record);
    this.#levelBytes += recordBytes(record);
  }

  /** Puts records back that came before the first one here; those that are here stay as they are. */
  putBack(records: readonly LogRecord[]): void {
    const first = this.#first?.epoch ?? Number.POSITIVE_INFINITY;
    const older = records.filter(({ epoch }) => epoch < first);
    this.#records = [...older, ...this.#records.slice(this.#head)];
    this.#head = 0;
    for (const record of older) this.#levelBytes += recordBytes(record);
  }

  /** Forgets every record up to and including `epoch`. */
  dropThrough(epoch: Epoch): void {
    for (let first = this.#first; first && first.epoch <= epoch; first = this.#first) {
      this.#levelBytes -= recordBytes(first);
      this.#head += 1;
    }
    // Soon, because what is forgotten is still kept in memory until then.
    if (
      this.#head === this.#records.length ||
      this.#head > Math.max(64, this.#records.length / 2)
    ) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Records from `epoch` on, at most `bytesMax` of them but at least one if there is one. */
  from(epoch: Epoch, bytesMax: number): LogRecord[] {
    const first = this.#first;
    if (!first) return [];
    const start = this.#head + Math.max(0, epoch - first.epoch);
    const taken: LogRecord[] = [];
    let bytes = 0;
    for (let i = start; i < this.#records.length; i += 1) {
      const record = this.#records[i];
      if (!record) break;
      bytes += recordBytes(record);
      if (taken.length > 0 && bytes > bytesMax) break;
      taken.push(record);
    }
    return taken;
  }

  get levelBytes(): number {
    return this.#levelBytes;
  }
  get isFull(): boolean {
    return this.#levelBytes >= this.#bytesMax;
  }
  /** Room again: a quarter is free, so that a stopped vCPU does not stutter record by record. */
  get hasRoom(): boolean {
    return this.#levelBytes <= this.#bytesMax * 0.75;
  }

  get #first(): LogRecord | undefined {
    return this.#records[this.#head];
  }
}
