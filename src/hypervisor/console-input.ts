import type { Clock } from '../host/clock.js';

/**
 * Typed bytes on their way to the guest's serial port, at about the pace of a fast line: a guest
 * that is pasted a book reads it, instead of dropping what its terminal has no room for.
 *
 * Units:  `burstBytes` every `intervalMs`: 12.8 KB/s, a little over 115,200 baud.
 */
export class ConsoleInput {
  readonly #clock: Clock;
  readonly #deliver: (bytes: Uint8Array) => void;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, deliver: (bytes: Uint8Array) => void) {
    this.#clock = clock;
    this.#deliver = deliver;
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
    const first = this.#queue.shift();
    if (!first) return;
    const now = first.subarray(0, burstBytes);
    if (first.byteLength > burstBytes) this.#queue.unshift(first.subarray(burstBytes));
    this.#queuedBytes -= now.byteLength;
    this.#deliver(now);
    this.#cancel = this.#clock.after(intervalMs, () => this.#next());
  }
}

const burstBytes = 64;
const intervalMs = 5;
const queueBytesMax = 16 * 1024 * 1024;
