import type { RoleReport } from '../role/role-effect.js';

type Folding = Extract<RoleReport, { kind: 'folding' }>;

/** Tells how far a fold is, but not of one that is over in a moment, and not of every step. */
export class FoldWords {
  readonly #nowMs: () => number;
  #saidAtMs: number | null = null;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  isWorthSaying({ doneBytes, totalBytes }: Folding): boolean {
    const nowMs = this.#nowMs();
    this.#saidAtMs ??= nowMs;
    const isDue = nowMs - this.#saidAtMs >= betweenMs;
    if (isDue) this.#saidAtMs = nowMs;
    return isDue && doneBytes < totalBytes;
  }
}

const betweenMs = 1000;
