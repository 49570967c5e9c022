import type { Clock } from '../../src/host/clock.js';

/** Time that moves when the test says so. */
export class VirtualClock implements Clock {
  #nowMs = 1_000;
  #timers: { readonly atMs: number; readonly order: number; readonly callback: () => void }[] = [];
  #order = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  wallClockMs(): number {
    return this.#nowMs;
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#timers[middle]!;
      if (other.atMs <= timer.atMs) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index !== -1) this.#timers.splice(index, 1);
    };
  }

  /** Runs what is due in the next `ms`, in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    while (this.#timers[0] && this.#timers[0].atMs <= untilMs) this.#step();
    this.#nowMs = untilMs;
  }

  /** Runs timers until `isDone`; false if `limitMs` passed first or nothing is left to wait for. */
  runUntil(isDone: () => boolean, limitMs: number): boolean {
    const untilMs = this.#nowMs + limitMs;
    while (!isDone()) {
      if (!this.#timers[0] || this.#timers[0].atMs > untilMs) return false;
      this.#step();
    }
    return true;
  }

  #step(): void {
    const timer = this.#timers.shift()!;
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    timer.callback();
  }
}
