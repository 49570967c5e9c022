import type { Epoch } from '../units.js';

/** An output that waits, or has waited, for its acks. */
export interface HeldOutput<Output> {
  readonly output: Output;
  readonly epoch: Epoch;
  readonly heldAtMs: number;
}

/**
 * Holds guest output until every in-sync backup has acknowledged the records that led to it.
 *
 * Shape:  a queue of outputs, oldest first, each tagged with the epoch that produced it.
 * Units:  epochs; the first is 1, so an ack of 0 means "nothing yet". `heldBytes` adds to each
 *         output what keeping it costs.
 * Errors: none. How much may wait is the caller's business: it stops the vCPU, and nothing is lost.
 * Source: FT paper §2.2, Output Rule. The guest runs on while its output waits.
 */
export class OutputGate<Output> {
  readonly #bytesOf: (output: Output) => number;
  readonly #held: HeldOutput<Output>[] = [];
  #heldBytes = 0;

  constructor(bytesOf: (output: Output) => number) {
    this.#bytesOf = bytesOf;
  }

  hold(output: Output, epoch: Epoch, nowMs: number): void {
    this.#held.push({ output, epoch, heldAtMs: nowMs });
    this.#heldBytes += this.#bytesOf(output) + overheadBytes;
  }

  /** Takes out, in guest order, every output of epochs up to and including `acked`. */
  release(acked: Epoch): HeldOutput<Output>[] {
    const firstWaiting = this.#held.findIndex(({ epoch }) => epoch > acked);
    const count = firstWaiting === -1 ? this.#held.length : firstWaiting;
    const released = this.#held.splice(0, count);
    for (const { output } of released) this.#heldBytes -= this.#bytesOf(output) + overheadBytes;
    return released;
  }

  /** What has waited longest; null if nothing waits. */
  get oldest(): HeldOutput<Output> | null {
    return this.#held[0] ?? null;
  }
  get isEmpty(): boolean {
    return this.#held.length === 0;
  }
  get heldCount(): number {
    return this.#held.length;
  }
  get heldBytes(): number {
    return this.#heldBytes;
  }
}

// Objects and array headers around a few bytes of console: generous, because it is a bound.
const overheadBytes = 1024;
