import type { Clock } from '../host/clock.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';

/** How a host's clocks differ from the world's time. */
export interface ClockSkew {
  readonly offsetMs: number;
  /** Host milliseconds in a millisecond of the world. */
  readonly rate: number;
}

/**
 * The clocks of one host: monotonic, but with an offset, a drift, and jumps ahead; and a wall clock
 * that jumps either way.
 */
export class SimClock implements Clock {
  readonly #timeline: Timeline;
  readonly #process: SimProcess;
  readonly #skew: ClockSkew;
  readonly #timers = new Set<Timer>();
  #jumpedMs = 0;
  #wallJumpedMs = 0;

  constructor(timeline: Timeline, process: SimProcess, skew: ClockSkew) {
    this.#timeline = timeline;
    this.#process = process;
    this.#skew = skew;
  }

  nowMs(): number {
    return this.#skew.offsetMs + this.#timeline.nowMs * this.#skew.rate + this.#jumpedMs;
  }
  wallClockMs(): number {
    return wallClockAtStartMs + this.nowMs() + this.#wallJumpedMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { dueMs: this.nowMs() + delayMs, callback, disarm: () => undefined };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      timer.disarm();
      this.#timers.delete(timer);
    };
  }

  /** Ahead moves both clocks, and timers that are due then ring; back moves the wall clock only. */
  jump(byMs: number): void {
    if (byMs < 0) {
      this.#wallJumpedMs += byMs;
      return;
    }
    this.#jumpedMs += byMs;
    for (const timer of this.#timers) {
      timer.disarm();
      this.#arm(timer);
    }
  }

  #arm(timer: Timer): void {
    const delayMs = Math.max(0, (timer.dueMs - this.nowMs()) / this.#skew.rate);
    timer.disarm = this.#timeline.after(delayMs, () =>
      this.#process.enter(() => {
        // It may have been cancelled while the process was paused.
        if (!this.#timers.delete(timer)) return;
        // The callback may be the `resolve` of somebody's pause.
        this.#timeline.isUnsettled = true;
        timer.callback();
      }, true),
    );
  }
}

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
  disarm: () => void;
}

// 2026-01-01; people read it, nothing is decided by it.
const wallClockAtStartMs = 1_767_225_600_000;
