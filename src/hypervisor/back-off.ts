/** How long to wait before trying again: twice as long after each attempt that came to nothing. */
export class BackOff {
  readonly #msMin: number;
  readonly #msMax: number;
  #nextMs: number;

  constructor(msMin: number, msMax: number) {
    this.#msMin = msMin;
    this.#msMax = Math.max(msMin, msMax);
    this.#nextMs = msMin;
  }

  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(this.#msMax, ms * 2);
    return ms;
  }
  /** The last attempt was good for something. */
  reset(): void {
    this.#nextMs = this.#msMin;
  }
}
