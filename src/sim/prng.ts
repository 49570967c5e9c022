/**
 * Chance of a simulation: the same seed draws the same numbers, for ever and on every machine.
 *
 * Shape:  sfc32, 128 bits of state; `state` prints in reports. `fork` gives each part of the world a
 *         stream of its own, so that a fault left out does not change what the others draw.
 * Source: C. Doty-Humphrey's small fast counting generator, as PractRand publishes it.
 */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream = '') {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = hashText(stream);
    for (let i = 0; i < 12; i += 1) this.#next();
  }

  /** The stream of that name: a function of this generator's state now, which does not move. */
  fork(stream: string): Prng {
    return new Prng((this.#a >>> 0) + (this.#b & 0xfffff) * 2 ** 32, `${this.#c} ${stream}`);
  }

  /** From 0 up to, not including, 1. */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }
  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }
  between(min: number, max: number): number {
    return min + this.fraction() * (max - min);
  }
  /** True once in `1 / probability`. Draws nothing for a probability of 0. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }
  /** Waiting time until the next of events that come `perSecond` times a second, in ms. */
  untilNextMs(perSecond: number): number {
    return (-Math.log(1 - this.fraction()) / perSecond) * 1000;
  }
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.whole(0, items.length - 1)];
    if (item === undefined) throw new Error('bug: nothing to pick from');
    return item;
  }

  get state(): string {
    const words = [this.#a, this.#b, this.#c, this.#counter];
    return words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('-');
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }
}

/** FNV-1a over UTF-16 units, 32 bits. */
export function hashText(text: string, before = 0x811c9dc5): number {
  let hash = before;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
