/**
 * The time of a simulated world and what is going to happen in it, in order.
 *
 * Shape:  a binary heap by time, then by order of scheduling, so that nothing depends on chance.
 * Units:  ms since the world began; the clocks of its hosts say something else (sim-clock.ts).
 */
export class Timeline {
  #nowMs = 0;
  #sequence = 0;
  readonly #heap: Scheduled[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }
  /** Events that have happened. */
  happened = 0;
  /**
   * A promise was settled, so code may be waiting to go on: whoever drives the world lets the
   * microtasks run out before the next event (simulation.ts).
   */
  isUnsettled = false;

  /** The returned function cancels. */
  after(delayMs: number, happen: () => void): () => void {
    return this.at(this.#nowMs + delayMs, happen);
  }

  at(atMs: number, happen: () => void): () => void {
    const event: Scheduled = { atMs: Math.max(atMs, this.#nowMs), order: this.#sequence, happen };
    this.#sequence += 1;
    this.#push(event);
    return () => {
      event.happen = null;
    };
  }

  /** When the next event is due; infinite when nothing is. */
  get nextAtMs(): number {
    for (let first = this.#heap[0]; first; first = this.#heap[0]) {
      if (first.happen) return first.atMs;
      this.#pop();
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Moves time to the next event and lets it happen. False: there is none. */
  step(): boolean {
    for (let event = this.#pop(); event; event = this.#pop()) {
      const { happen } = event;
      if (!happen) continue;
      this.#nowMs = event.atMs;
      this.happened += 1;
      happen();
      return true;
    }
    return false;
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Scheduled;
      if (!isBefore(event, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      if (!child) break;
      const right = heap[childAt + 1];
      if (right && isBefore(right, child)) {
        child = right;
        childAt += 1;
      }
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
    return first;
  }
}

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  /** Null once cancelled. */
  happen: (() => void) | null;
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
