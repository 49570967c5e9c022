import type { VirtualMs } from '../units.js';
import { EpochLength } from './epoch-length.js';

// One tick of the guest's interval timer is 0.84 µs; it must be past, not just reached.
const timerSlackMs = 0.001;
// A guest that ran ahead of the host's clock waits only beyond this: sleeps are not that fine.
const aheadMsMax = 2;
// Shorter debts of rest are carried on: a sleep costs more than that.
const restMsMin = 1;

/**
 * When the next live epoch starts, in guest time and in host time.
 *
 * Shape:  guest time follows the host's clock from where it stood when the vCPU went live. It never
 *         steps back, and a guest that ran ahead (it cannot by much) waits for the host.
 * Units:  milliseconds of the host's monotonic clock, and virtual ones.
 * Source: FT paper §3.2 for the share: a primary that runs ahead of its backup is slowed down.
 */
export class LiveClock {
  sharePercent = 100;
  readonly #hostNowMs: () => number;
  readonly #length = new EpochLength();
  /** Virtual minus host time. */
  #offsetMs = 0;
  #endMs: VirtualMs = 0;
  /** Guest time of the guest's next own timer, or of the end of its last epoch while it is busy. */
  #dueMs: VirtualMs = 0;
  #isBusy = false;
  #startedAtMs = 0;
  /** Host time before which the vCPU's share is used up. */
  #restUntilMs = 0;

  constructor(hostNowMs: () => number) {
    this.#hostNowMs = hostNowMs;
  }

  start(virtualMs: VirtualMs): void {
    this.#offsetMs = virtualMs - this.#hostNowMs();
    this.#endMs = virtualMs;
    this.#dueMs = virtualMs;
  }

  /** How long to sleep before the next epoch; 0 or less: run it. */
  waitMs(hasWork: boolean): number {
    const nowMs = this.#hostNowMs();
    const restMs = this.#restUntilMs - nowMs;
    if (restMs >= restMsMin) return restMs;
    const guestNowMs = nowMs + this.#offsetMs;
    const aheadMs = this.#endMs - guestNowMs;
    if (aheadMs >= aheadMsMax) return aheadMs;
    return hasWork || this.#isBusy ? 0 : this.#dueMs - guestNowMs;
  }

  epochClockMs(): VirtualMs {
    return Math.max(this.#endMs, this.#hostNowMs() + this.#offsetMs);
  }

  /** The guest had nothing to do when its last epoch ended. */
  get isIdle(): boolean {
    return !this.#isBusy;
  }

  /** For the record of the next epoch. */
  get rounds(): number {
    return this.#length.rounds;
  }

  epochStarted(): void {
    this.#startedAtMs = this.#hostNowMs();
  }

  epochEnded(endMs: VirtualMs, sleepMs: number, rounds = 1): void {
    this.#endMs = endMs;
    this.#isBusy = sleepMs === 0;
    this.#dueMs = sleepMs > 0 ? endMs + sleepMs + timerSlackMs : endMs;
    const nowMs = this.#hostNowMs();
    const ranMs = nowMs - this.#startedAtMs;
    this.#length.ran(rounds, ranMs, this.#isBusy);
    if (this.sharePercent >= 100) return;
    const restMs = ranMs * (100 / this.sharePercent - 1);
    this.#restUntilMs = Math.max(this.#restUntilMs, this.#startedAtMs) + restMs + ranMs;
  }
}
