import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosError } from './chaos-error.js';

/** When the service answered anybody: what a fault looks like from outside. */
export class Activity {
  #answers = 0;
  #lastAtMs = performance.now();
  #longestMs = 0;

  answered(): void {
    const nowMs = performance.now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastAtMs);
    this.#lastAtMs = nowMs;
    this.#answers += 1;
  }
  /** From here on, what `longestMs` looks at. */
  mark(): void {
    this.#lastAtMs = performance.now();
    this.#longestMs = 0;
  }

  get answers(): number {
    return this.#answers;
  }
  /** The longest time without an answer to anybody, since the mark. */
  get longestMs(): number {
    return this.#longestMs;
  }

  /** Resolves when the service has answered that many times more. */
  async untilMore(count: number): Promise<void> {
    const wanted = this.#answers + count;
    const startedAtMs = performance.now();
    while (this.#answers < wanted) {
      if (performance.now() - startedAtMs > patienceMs) {
        throw new ChaosError(`The service has been silent for ${patienceMs / 1000} s`);
      }
      await sleep(10);
    }
  }
}

const patienceMs = 30_000;
