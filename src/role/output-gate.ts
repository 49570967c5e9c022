import type { Epoch } from '../units.js';

/**
 * Holds guest output until every in-sync backup has acknowledged the records that led to it.
 *
 * Shape:  a queue of outputs, oldest first, each tagged with the epoch that produced it.
 * Units:  epochs; the first is 1, so an ack of 0 means "nothing yet".
 * Errors: none. How much may wait is decided by flow control, which slows the vCPU.
 * Source: FT paper §2.2, Output Rule. The guest runs on while its output waits.
 */
export class OutputGate<Output> {
  readonly #held: { readonly output: Output; readonly epoch: Epoch; readonly heldAtMs: number }[] =
    [];

  hold(output: Output, epoch: Epoch, nowMs: number): void {
    this.#held.push({ output, epoch, heldAtMs: nowMs });
  }

  /** Takes out, in guest order, every output of epochs up to and including `acked`. */
  release(acked: Epoch): { readonly output: Output; readonly heldAtMs: number }[] {
    const firstWaiting = this.#held.findIndex(({ epoch }) => epoch > acked);
    const count = firstWaiting === -1 ? this.#held.length : firstWaiting;
    return this.#held.splice(0, count);
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }
  get heldCount(): number {
    return this.#held.length;
  }
}
