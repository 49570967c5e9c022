import type { Epoch } from '../units.js';

/**
 * How far a backup's execution is behind, measured on the primary's clock alone.
 *
 * Units:  ms from the moment the primary recorded an epoch to the moment it heard that the backup
 *         had run it (FT paper §3.2: extra data in the log and acks measures real-time lag).
 */
export class ExecutionLag {
  #waiting: { readonly epoch: Epoch; readonly atMs: number }[] = [];
  #head = 0;
  #lastMs = 0;

  recorded(epoch: Epoch, nowMs: number): void {
    this.#waiting.push({ epoch, atMs: nowMs });
  }

  ran(epoch: Epoch, nowMs: number): void {
    for (
      let next = this.#waiting[this.#head];
      next && next.epoch <= epoch;
      next = this.#waiting[this.#head]
    ) {
      this.#lastMs = nowMs - next.atMs;
      this.#head += 1;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Now: the age of the oldest epoch not run, or the last measurement if that is more. */
  lagMs(nowMs: number): number {
    const oldest = this.#waiting[this.#head];
    return Math.max(this.#lastMs, oldest ? nowMs - oldest.atMs : 0);
  }

  /** Epochs recorded and not known to have run. */
  get epochCount(): number {
    return this.#waiting.length - this.#head;
  }
}
