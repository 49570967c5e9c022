/** Something happens at most so often: a bucket of tokens, one for each time. */
export class RateLimit {
  readonly #clock: { nowMs(): number };
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(
    clock: { nowMs(): number },
    { perSecond, burst }: { perSecond: number; burst: number },
  ) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAtMs = clock.nowMs();
  }

  /** True if it may happen now. */
  take(): boolean {
    if (this.#tokens < 1) {
      const nowMs = this.#clock.nowMs();
      const earned = ((nowMs - this.#filledAtMs) / 1_000) * this.#perSecond;
      if (this.#tokens + earned < 1) return false;
      this.#tokens = Math.min(this.#burst, this.#tokens + earned);
      this.#filledAtMs = nowMs;
    }
    this.#tokens -= 1;
    return true;
  }
}
