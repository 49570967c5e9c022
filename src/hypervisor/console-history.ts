import type { ConsoleOffset } from '../units.js';

/** Takes console bytes; `offset` is where the first one stands in everything the guest ever wrote. */
export type ConsoleReader = (bytes: Uint8Array, offset: ConsoleOffset) => void;

/**
 * The newest console output, so that a reader who comes back after a failover goes on where it was:
 * offsets are the same on every replica, which makes the console exactly-once.
 *
 * Units:  bytes; `bytesMax` of them are kept.
 */
export class ConsoleHistory {
  readonly #bytesMax: number;
  readonly #readers = new Set<ConsoleReader>();
  #chunks: { readonly offset: ConsoleOffset; readonly bytes: Uint8Array }[] = [];
  #levelBytes = 0;
  #end: ConsoleOffset = 0;

  constructor(bytesMax = 1024 * 1024) {
    this.#bytesMax = bytesMax;
  }

  append(bytes: Uint8Array, offset: ConsoleOffset): void {
    // A new primary re-emits nothing it has shown; a replay that began elsewhere leaves a gap.
    const fresh = offset < this.#end ? bytes.subarray(this.#end - offset) : bytes;
    if (fresh.byteLength === 0) return;
    const at = Math.max(offset, this.#end);
    this.#chunks.push({ offset: at, bytes: fresh });
    this.#levelBytes += fresh.byteLength;
    this.#end = at + fresh.byteLength;
    while (this.#levelBytes > this.#bytesMax && this.#chunks.length > 1) {
      this.#levelBytes -= this.#chunks.shift()?.bytes.byteLength ?? 0;
    }
    for (const reader of this.#readers) reader(fresh, at);
  }

  /** Replays what is kept from `from` on, then follows; the returned function stops it. */
  read(from: ConsoleOffset, reader: ConsoleReader): () => void {
    for (const { offset, bytes } of this.#chunks) {
      if (offset + bytes.byteLength <= from) continue;
      const skip = Math.max(0, from - offset);
      reader(bytes.subarray(skip), offset + skip);
    }
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  get end(): ConsoleOffset {
    return this.#end;
  }
}
