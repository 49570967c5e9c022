/**
 * Keeps the backup close behind: slows the primary's vCPU a few percent at a time while execution
 * lag stays above target, and gives the share back as lag falls (FT paper §3.2).
 *
 * Units:  lag in ms, end to end: when the primary recorded an epoch to when it hears that the backup
 *         ran it. The share is percent of time the vCPU may run.
 */
export class FlowControl {
  readonly #lagMsTarget: number;
  #sharePercent = 100;
  #adjustedAtMs = Number.NEGATIVE_INFINITY;

  constructor(lagMsTarget: number) {
    this.#lagMsTarget = lagMsTarget;
  }

  /** The share to run at now. Slow on purpose: one small step per period. */
  adjust(lagMs: number, nowMs: number): number {
    if (nowMs - this.#adjustedAtMs < periodMs) return this.#sharePercent;
    this.#adjustedAtMs = nowMs;
    if (lagMs > this.#lagMsTarget) this.#sharePercent -= slowerPercent;
    else if (lagMs < this.#lagMsTarget / 2) this.#sharePercent += fasterPercent;
    this.#sharePercent = Math.min(100, Math.max(sharePercentMin, this.#sharePercent));
    return this.#sharePercent;
  }

  get sharePercent(): number {
    return this.#sharePercent;
  }
  /** It cannot be made slower. */
  get isLowest(): boolean {
    return this.#sharePercent === sharePercentMin;
  }
}

// Ten steps a second: a backup that falls behind by half its speed is matched in under two seconds,
// and a hiccup of 100 ms costs the guest 3 %.
const periodMs = 100;
const slowerPercent = 3;
const fasterPercent = 2;
// A guest that still does something is better than one that is as good as stopped; what cannot be
// matched at a tenth of the speed ends in a full log buffer, which does stop it.
const sharePercentMin = 10;
