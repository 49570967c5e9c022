import type { Epoch } from '../units.js';

/**
 * Holds writes to the disk until the journals have the log that led to them: write after log.
 *
 * A machine that resumes from a journal must find no write on its disk that its memory does not know of,
 * or it would be older than its own disk. With the log there first, every write on the disk is one that
 * the replay issues, too; those without a completion in the log are issued again, in order (FT paper
 * §3.4).
 *
 * Shape:  requests in the order they left the output gate.
 */
export class JournalGate {
  #held: { readonly requestId: number; readonly epoch: Epoch }[] = [];

  hold(requestId: number, epoch: Epoch): void {
    this.#held.push({ requestId, epoch });
  }

  /** Takes out what the log up to `durable` led to. */
  release(durable: Epoch): number[] {
    if (this.#held.length === 0) return [];
    const released = this.#held.filter(({ epoch }) => epoch <= durable);
    this.#held = this.#held.filter(({ epoch }) => epoch > durable);
    return released.map(({ requestId }) => requestId);
  }

  /** The epoch of the newest that waits; 0 if none does. */
  get newest(): Epoch {
    return this.#held.at(-1)?.epoch ?? 0;
  }
}
