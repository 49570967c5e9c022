import type { Clock } from '../host/clock.js';

/** The clock of this process. A timer that is not cancelled keeps the process alive. */
export class NodeClock implements Clock {
  nowMs(): number {
    return performance.now();
  }

  wallClockMs(): number {
    return performance.timeOrigin + performance.now();
  }

  after(delayMs: number, callback: () => void): () => void {
    if (delayMs === 0) {
      // A timer of Node takes a millisecond at least.
      const turn = setImmediate(callback);
      return () => clearImmediate(turn);
    }
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  }
}
