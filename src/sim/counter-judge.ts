import type { Verdict } from './verdict.js';

/**
 * Judges the counter service as its clients see it: every acknowledged increment has its own count,
 * and one that began after another was acknowledged has the higher one. For a counter that only counts
 * up that is linearizability, across failovers, reboots and cold starts.
 */
export class CounterJudge {
  readonly #verdict: Verdict;
  readonly #floors = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #ops = new Map<number, string>();
  #highest = 0;
  #began = 0;

  constructor(verdict: Verdict) {
    this.#verdict = verdict;
  }

  get acknowledged(): number {
    return this.#counts.size;
  }

  began(client: number, op: number): void {
    this.#began += 1;
    this.#floors.set(`${client}/${op}`, this.#highest);
  }

  acknowledge(who: string, { client, op, count }: Answer): void {
    const name = `${client}/${op}`;
    const before = this.#counts.get(name);
    if (before === count) return;
    const complain = (what: string): void =>
      this.#verdict.violated('acknowledged', who, `op ${name} was answered ${count}, ${what}`);
    if (before !== undefined) return complain(`and ${before} earlier`);
    const other = this.#ops.get(count);
    if (other !== undefined) return complain(`which op ${other} was answered too`);
    const floor = this.#floors.get(name);
    if (floor === undefined) return complain('and nobody asked for it');
    if (count <= floor) return complain(`after ${floor} had been acknowledged`);
    if (count > this.#began) return complain(`with ${this.#began} ops asked for`);
    this.#counts.set(name, count);
    this.#ops.set(count, name);
    this.#highest = Math.max(this.#highest, count);
  }
}

export interface Answer {
  readonly client: number;
  readonly op: number;
  readonly count: number;
}
