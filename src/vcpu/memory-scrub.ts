import type { VirtualMs } from '../units.js';

// Guest time to pass over all of memory once.
const passMs = 8000;
// 1 MiB of words: bounds the pause of one epoch to a fraction of a millisecond.
const wordsPerEpochMax = 1 << 18;
const wordBytes = 4;
// Odd, so that multiplying by it loses nothing: any change of a single word changes the hash.
const multiplier = 0x9e3779b1 | 0;

/**
 * Goes over all of guest memory, a stretch per epoch, so that a replica whose memory differs is
 * found out within seconds, at a cost that does not grow with the speed of the guest.
 *
 * Shape:  which stretch belongs to an epoch follows from the clocks of the records alone, counted
 *         from the last `restartAt`; so every replica hashes the same one.
 * Units:  32-bit words inside, virtual milliseconds outside.
 */
export class MemoryScrub {
  readonly #words: number;
  readonly #wordsPerMs: number;
  #position = 0;
  #clockMs = 0;

  constructor(memoryBytes: number) {
    this.#words = memoryBytes / wordBytes;
    this.#wordsPerMs = this.#words / passMs;
  }

  /** Power-on, reboot or cut: the next stretch starts where `clockMs` alone says. */
  restartAt(clockMs: VirtualMs): void {
    this.#clockMs = clockMs;
    this.#position = this.#wordsUntil(clockMs) % this.#words;
  }

  /** The hash of the stretch that belongs to the epoch starting at `clockMs`, continuing `seed`. */
  hash(memory: Int32Array, clockMs: VirtualMs, seed: number): number {
    const due = this.#wordsUntil(clockMs) - this.#wordsUntil(this.#clockMs);
    const count = Math.min(due, wordsPerEpochMax, this.#words);
    this.#clockMs = clockMs;
    const start = this.#position;
    const end = start + count;
    this.#position = end % this.#words;
    if (end <= this.#words) return hashWords(memory, start, end, seed);
    const first = hashWords(memory, start, this.#words, seed);
    return hashWords(memory, 0, end - this.#words, first);
  }

  #wordsUntil(clockMs: VirtualMs): number {
    return Math.floor(clockMs * this.#wordsPerMs);
  }
}

/** A hash of `memory[start, end)`; four chains, because one would wait for its own multiplication. */
export function hashWords(memory: Int32Array, start: number, end: number, seed: number): number {
  let a = seed | 0;
  let b = 1;
  let c = 2;
  let d = 3;
  let i = start;
  for (; i + 3 < end; i += 4) {
    a = Math.imul(a ^ (memory[i] as number), multiplier);
    b = Math.imul(b ^ (memory[i + 1] as number), multiplier);
    c = Math.imul(c ^ (memory[i + 2] as number), multiplier);
    d = Math.imul(d ^ (memory[i + 3] as number), multiplier);
  }
  for (; i < end; i++) a = Math.imul(a ^ (memory[i] as number), multiplier);
  a = Math.imul(a ^ (a >>> 15) ^ b, multiplier);
  a = Math.imul(a ^ (a >>> 15) ^ c, multiplier);
  a = Math.imul(a ^ (a >>> 15) ^ d, multiplier);
  return (a ^ (a >>> 16)) >>> 0;
}
