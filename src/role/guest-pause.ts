import { pausedAfter } from '../guest/guest-event.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch } from '../units.js';

/**
 * Whether the operator has paused the guest, as the world may know it: a pause that dies with this
 * replica, because no backup has its record, was none. So it is told like output (§2.2).
 */
export class GuestPause {
  #isPaused: boolean;
  /** The epoch with which it changed last. */
  #since: Epoch = 0;

  constructor(isPaused: boolean) {
    this.#isPaused = isPaused;
  }

  recorded({ epoch, events }: LogRecord): void {
    const isPaused = pausedAfter(events, this.#isPaused);
    if (isPaused !== this.#isPaused) this.#since = epoch;
    this.#isPaused = isPaused;
  }

  /** With output of epochs up to `released` gone. */
  isPausedAt(released: Epoch): boolean {
    return released >= this.#since ? this.#isPaused : !this.#isPaused;
  }
}
