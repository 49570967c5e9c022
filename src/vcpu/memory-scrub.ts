import type { MemoryStretch } from '../guest/state-digest.js';
import type { VirtualMs } from '../units.js';

// Guest time to pass over all of memory once. Hashing goes at some 7 GB/s: below 2 % of a core for up
// to 1 GiB of memory.
const passMs = 8000;
// What is due at once after a guest has slept is hashed in parts: a sixty-fourth of memory in an
// epoch still is a pass in 6.4 s of an idle guest, which has ten epochs a second at the very least.
const partsMin = 64;
// 1 MiB of words, a seventh of a millisecond: no smaller part is worth the waiting.
const partWordsMin = 1 << 18;
const wordBytes = 4;
// Odd, so that multiplying by it loses nothing: any change of a single word changes the hash.
const multiplier = 0x9e3779b1 | 0;

/**
 * Goes over all of guest memory, a stretch per epoch, so that a replica whose memory differs is
 * found out within 10 s of guest time, at a cost that does not grow with the speed of the guest.
 *
 * Shape:  which stretch belongs to an epoch follows from the clocks of the records alone, counted
 *         from the last `restartAt`; so every replica hashes the same one.
 * Units:  32-bit words inside, virtual milliseconds outside.
 */
export class MemoryScrub {
  readonly #words: number;
  readonly #wordsPerMs: number;
  readonly #partWords: number;
  /** Words hashed since guest time 0, as if nothing had ever been left out. */
  #done = 0;
  #startBytes = 0;

  constructor(memoryBytes: number) {
    this.#words = memoryBytes / wordBytes;
    this.#wordsPerMs = this.#words / passMs;
    this.#partWords = Math.max(Math.ceil(this.#words / partsMin), partWordsMin);
  }

  /** Power-on, reboot or cut: the next stretch starts where `clockMs` alone says. */
  restartAt(clockMs: VirtualMs): void {
    this.#done = this.#wordsUntil(clockMs);
  }

  /** The hash of the stretch that belongs to the epoch starting at `clockMs`. */
  hash(memory: Int32Array, clockMs: VirtualMs): number {
    const words = this.#words;
    // More than a pass is due when time has jumped: once around is all there is to see.
    const behind = Math.min(this.#wordsUntil(clockMs) - this.#done, words);
    const count = Math.min(behind, this.#partWords);
    this.#done = this.#wordsUntil(clockMs) - behind;
    const start = this.#done % words;
    const end = start + count;
    this.#done += count;
    this.#startBytes = start * wordBytes;
    if (end <= words) return hashWords(memory, start, end, 0);
    return hashWords(memory, 0, end - words, hashWords(memory, start, words, 0));
  }

  /** What the last hash covered. */
  get stretch(): MemoryStretch {
    return {
      startBytes: this.#startBytes,
      endBytes: (this.#done % this.#words) * wordBytes,
    };
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
