/** A running rate, over whole seconds: exact enough to watch, cheap enough for every message. */
export class Rate {
  #startedAtMs = Number.NEGATIVE_INFINITY;
  #current = 0;
  #perSecond = 0;
  #total = 0;

  add(amount: number, nowMs: number): void {
    this.#roll(nowMs);
    this.#current += amount;
    this.#total += amount;
  }

  perSecond(nowMs: number): number {
    this.#roll(nowMs);
    return this.#perSecond;
  }

  get total(): number {
    return this.#total;
  }

  #roll(nowMs: number): void {
    const elapsedMs = nowMs - this.#startedAtMs;
    if (elapsedMs < windowMs) return;
    this.#perSecond = Number.isFinite(elapsedMs) ? (this.#current * 1000) / elapsedMs : 0;
    this.#current = 0;
    this.#startedAtMs = nowMs;
  }
}

const windowMs = 1000;
