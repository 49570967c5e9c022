import type { VirtualMs } from '../units.js';

// One tick of the guest's interval timer is 0.84 µs; it must be past, not just reached.
const timerSlackMs = 0.001;
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
  /** Virtual minus host time. */
  #offsetMs = 0;
  #endMs: VirtualMs = 0;
  /** Guest time of the guest's next own timer, or of the end of its last epoch while it is busy. */
  #dueMs: VirtualMs = 0;
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
    return hasWork ? 0 : this.#dueMs - (nowMs + this.#offsetMs);
  }

  epochClockMs(): VirtualMs {
    return Math.max(this.#endMs, this.#hostNowMs() + this.#offsetMs);
  }

  epochStarted(): void {
    this.#startedAtMs = this.#hostNowMs();
  }

  epochEnded(endMs: VirtualMs, sleepMs: number): void {
    this.#endMs = endMs;
    this.#dueMs = sleepMs > 0 ? endMs + sleepMs + timerSlackMs : endMs;
    if (this.sharePercent >= 100) return;
    const nowMs = this.#hostNowMs();
    const ranMs = nowMs - this.#startedAtMs;
    const restMs = ranMs * (100 / this.sharePercent - 1);
    this.#restUntilMs = Math.max(this.#restUntilMs, this.#startedAtMs) + restMs + ranMs;
  }
}
