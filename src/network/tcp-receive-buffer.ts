import type { StreamPosition } from './tcp-sequence.js';
import { copyOf } from './wire-bytes.js';

/** Pieces that may wait for an earlier one: each costs about 100 bytes beside its data. */
const PIECES_MAX = 512;

/**
 * Puts the guest's data in order: what arrives early waits for what is missing.
 *
 * Shape:  pieces behind a gap, in order and without overlap. They are copies: a view would keep
 *         alive the much larger buffer that the frame was cut from.
 * Errors: none. The window bounds the bytes; pieces over the limit are dropped, and come again.
 */
export class ReceiveBuffer {
  /** The next byte that is missing. */
  #next: StreamPosition = 1;
  #waiting: { readonly at: StreamPosition; readonly data: Uint8Array }[] = [];

  get next(): StreamPosition {
    return this.#next;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes data at `at`, already cut to the window; returns what is in order now, oldest first. */
  receive(at: StreamPosition, data: Uint8Array): Uint8Array[] {
    if (at > this.#next) {
      this.#keep(at, data);
      return [];
    }
    const fresh = data.subarray(this.#next - at);
    if (fresh.byteLength === 0) return [];
    this.#next += fresh.byteLength;
    if (this.#waiting.length === 0) return [fresh];
    const ready = [fresh];
    let taken = 0;
    for (const early of this.#waiting) {
      if (early.at > this.#next) break;
      taken += 1;
      const rest = early.data.subarray(this.#next - early.at);
      if (rest.byteLength === 0) continue;
      ready.push(rest);
      this.#next += rest.byteLength;
    }
    this.#waiting.splice(0, taken);
    return ready;
  }

  clear(): void {
    this.#waiting = [];
  }

  #keep(at: StreamPosition, data: Uint8Array): void {
    let index = this.#waiting.length;
    while (index > 0 && (this.#waiting[index - 1]?.at ?? 0) > at) index -= 1;
    const before = this.#waiting[index - 1];
    const from = before ? Math.max(at, before.at + before.data.byteLength) : at;
    let rest = data.subarray(Math.min(data.byteLength, from - at));
    // What the new piece covers whole is replaced; what it covers in part cuts it short.
    let covered = 0;
    for (;;) {
      const after = this.#waiting[index + covered];
      if (after === undefined || after.at >= from + rest.byteLength) break;
      if (after.at + after.data.byteLength > from + rest.byteLength) {
        rest = rest.subarray(0, after.at - from);
        break;
      }
      covered += 1;
    }
    if (rest.byteLength === 0) return;
    if (covered === 0 && this.#waiting.length >= PIECES_MAX) return;
    this.#waiting.splice(index, covered, { at: from, data: copyOf(rest) });
  }
}
