import type { Clock } from '../host/clock.js';
import { BackOff } from './back-off.js';

/**
 * When a backup looks what the primary has written to their disks, so that going live has little to
 * read: soon after a write that is in the log, and ever more seldom while there is none. Layers that
 * are merged later come with the seldom looks.
 *
 * Units:  milliseconds.
 * Errors: none; `look` never rejects.
 */
export class ReadAhead {
  readonly #clock: Clock;
  readonly #look: () => Promise<unknown>;
  readonly #pauses = new BackOff(soonMs, seldomMs);
  #isStopped = false;
  #isLooking = false;
  #isSoon = false;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, look: () => Promise<unknown>) {
    this.#clock = clock;
    this.#look = look;
    this.#wait();
  }

  /** The primary's disks have something new. */
  written(): void {
    this.#pauses.reset();
    if (this.#isStopped || this.#isLooking || this.#isSoon) return;
    this.#cancel();
    this.#wait();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #wait(): void {
    const pauseMs = this.#pauses.next();
    this.#isSoon = pauseMs <= soonMs;
    this.#cancel = this.#clock.after(pauseMs, () => {
      this.#isLooking = true;
      void this.#look().then(() => {
        this.#isLooking = false;
        if (!this.#isStopped) this.#wait();
      });
    });
  }
}

// What a primary writes in that time is read at go-live.
const soonMs = 250;
const seldomMs = 8000;
