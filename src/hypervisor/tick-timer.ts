import type { Clock } from '../host/clock.js';
import { LifeSignPace } from '../role/life-sign-pace.js';

/**
 * When a role is told that time has passed. By a timer, each time wakes the process: often while
 * something is to be followed up, and seldom while only silence is to be noticed.
 *
 * ```
 * busy: each 5 ms ──a tick that leaves it quiet──▶ at rest: with an input once half of the rest is
 *      ▲                                                    over, or by the timer a little after it
 *      └──────────── not quiet for 5 ms ─────────────┘
 * ```
 * Units:  milliseconds.
 */
export class TickTimer {
  readonly #clock: Clock;
  readonly #restMs: number;
  readonly #tick: () => void;
  readonly #isQuiet: () => boolean;
  #cancel: (() => void) | null = null;
  #cancelLook: (() => void) | null = null;
  #tickedAtMs = 0;
  #isAtRest = false;
  /** The timer that runs is one of a rest. */
  #isLong = false;

  /** `isQuiet`: time alone brings about nothing but what follows a silence. */
  constructor(
    clock: Clock,
    failureTimeoutMs: number,
    role: { readonly tick: () => void; readonly isQuiet: () => boolean },
  ) {
    this.#clock = clock;
    // No life sign is late by much, and no more than this is anything else.
    this.#restMs = Math.min(restMsMax, new LifeSignPace(failureTimeoutMs).restMsMax);
    this.#tick = role.tick;
    this.#isQuiet = role.isQuiet;
  }

  start(): void {
    this.#tickedAtMs = this.#clock.nowMs();
    this.#isAtRest = false;
    this.#arm(false);
  }

  /** To be called after each input; several come in one turn of the event loop. */
  fed(): void {
    if (this.#isAtRest) this.#cancelLook ??= this.#clock.after(0, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#cancelLook?.();
    this.#cancelLook = null;
    this.#isAtRest = false;
  }

  #look(): void {
    this.#cancelLook = null;
    const isQuiet = this.#isQuiet();
    // The process is awake anyway. By the timer it would wake once more, between two inputs.
    const isDue = this.#clock.nowMs() - this.#tickedAtMs >= this.#restMs / 2;
    if (isQuiet && isDue) this.#ring();
    else if (isQuiet !== this.#isLong) this.#arm(isQuiet);
  }

  #arm(isLong: boolean): void {
    this.#cancel?.();
    this.#isLong = isLong;
    const restLeftMs = this.#tickedAtMs + this.#restMs * patience - this.#clock.nowMs();
    const delayMs = isLong ? Math.max(tickMs, restLeftMs) : tickMs;
    this.#cancel = this.#clock.after(delayMs, () => this.#ring());
  }

  #ring(): void {
    this.#tickedAtMs = this.#clock.nowMs();
    this.#tick();
    if (!this.#cancel) return;
    this.#isAtRest = this.#isQuiet();
    this.#arm(this.#isAtRest);
  }
}

// Short beside a heartbeat (50 ms), and a batch of records (3 ms) counts as soon as it is due.
const tickMs = 5;
// An idle guest has woken the process before: its vCPU tells of two epochs at a time, or four.
const patience = 1.2;
const restMsMax = 100;
