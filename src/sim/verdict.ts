import type { Timeline } from './timeline.js';
import type { Trace } from './trace.js';

/**
 * What must be true; the numbers are those of docs/specification.
 *
 * `onePrimary` 1 · `outputRule` 2 · `outputKept`, `acknowledged`, `console`, `disk`, `paused` 3 · `frames` 4 ·
 * `lockstep` 6 · `fenced` 7 · `redundancy` 8 · `bounded`: nothing piles up in a link · `noBug`: no assertion fails and nothing ends as `failed`.
 */
export type Invariant =
  | 'onePrimary'
  | 'outputRule'
  | 'outputKept'
  | 'acknowledged'
  | 'console'
  | 'disk'
  | 'paused'
  | 'frames'
  | 'lockstep'
  | 'fenced'
  | 'redundancy'
  | 'bounded'
  | 'noBug';

export interface Violation {
  readonly invariant: Invariant;
  /** The replica that was seen at it. */
  readonly who: string;
  readonly what: string;
  readonly atMs: number;
}

/** Collects what the judges find. */
export class Verdict {
  readonly #timeline: Timeline;
  readonly #trace: Trace;
  readonly violations: Violation[] = [];

  constructor(timeline: Timeline, trace: Trace) {
    this.#timeline = timeline;
    this.#trace = trace;
  }

  violated(invariant: Invariant, who: string, what: string): void {
    this.violations.push({ invariant, who, what, atMs: this.#timeline.nowMs });
    this.#trace.note(who, `VIOLATED ${invariant}: ${what}`);
  }

  get isClean(): boolean {
    return this.violations.length === 0;
  }
}
