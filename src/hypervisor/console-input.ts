import type { Clock } from '../host/clock.js';

/**
 * Typed bytes on their way to the guest's serial port, at about the pace of a fast line: a guest
 * that is pasted a book reads it, instead of dropping what its terminal has no room for. A line
 * typed now and then passes at once.
 */
export class ConsoleInput {
  readonly #clock: Clock;
  readonly #deliver: (bytes: Uint8Array) => void;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #allowedBytes = burstBytes;
  #allowedAtMs: number;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, deliver: (bytes: Uint8Array) => void) {
    this.#clock = clock;
    this.#deliver = deliver;
    this.#allowedAtMs = clock.nowMs();
  }

  /** What is over `queueBytesMax` is dropped: nobody types that far ahead. */
  push(bytes: Uint8Array): void {
    if (this.#queuedBytes + bytes.byteLength > queueBytesMax) return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.byteLength;
    if (!this.#cancel) this.#next();
  }

  stop(): void {
    this.#cancel?.();
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #next(): void {
    this.#cancel = null;
    const nowMs = this.#clock.nowMs();
    const earned = (nowMs - this.#allowedAtMs) * bytesPerMs;
    this.#allowedBytes = Math.min(burstBytes, this.#allowedBytes + earned);
    this.#allowedAtMs = nowMs;
    for (let first = this.#queue[0]; first && this.#allowedBytes >= 1; first = this.#queue[0]) {
      const now = first.subarray(0, Math.floor(this.#allowedBytes));
      if (now.byteLength === first.byteLength) this.#queue.shift();
      else this.#queue[0] = first.subarray(now.byteLength);
      this.#queuedBytes -= now.byteLength;
      this.#allowedBytes -= now.byteLength;
      this.#deliver(now);
    }
    if (this.#queue.length > 0) this.#cancel = this.#clock.after(waitMs, () => this.#next());
  }
}

// A little over 115,200 baud; a burst is what the UART of a PC would buffer a few times over.
const bytesPerMs = 12.8;
const burstBytes = 128;
const waitMs = 5;
const queueBytesMax = 16 * 1024 * 1024;
