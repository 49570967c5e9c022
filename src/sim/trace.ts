import { hashText } from './prng.js';
import type { Timeline } from './timeline.js';

/**
 * What happened in a run, for people and for comparison: the newest lines as text, and a hash over
 * everything, by which two runs of one seed can be told to be the same.
 *
 * Units:  `linesMax` lines are kept.
 */
export class Trace {
  readonly #timeline: Timeline;
  readonly #linesMax: number;
  readonly #lines: string[] = [];
  #hash = 0;

  constructor(timeline: Timeline, linesMax = 60) {
    this.#timeline = timeline;
    this.#linesMax = linesMax;
  }

  /** A line worth reading. */
  note(who: string, what: string): void {
    const line = `${this.#timeline.nowMs.toFixed(3).padStart(10)} ${who.padEnd(5)} ${what}`;
    this.#hash = hashText(line, this.#hash);
    this.#lines.push(line);
    if (this.#lines.length > 2 * this.#linesMax) this.#lines.splice(0, this.#linesMax);
  }

  /** A fact for the hash alone. */
  mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193) >>> 0;
  }

  get lines(): readonly string[] {
    return this.#lines.slice(-this.#linesMax);
  }
  get hash(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }
}
