import type { ConsoleOffset } from '../units.js';

/** Takes console bytes; `offset` is where the first one stands in everything the guest ever wrote. */
export type ConsoleReader = (bytes: Uint8Array, offset: ConsoleOffset) => void;

/**
 * The newest console output, so that a reader who comes back after a failover goes on where it was:
 * offsets are the same on every replica, which makes the console exactly-once.
 *
 * Shape:  blocks, oldest first; a guest that writes byte by byte costs no more than one that does not.
 * Units:  bytes; the newest `bytesMax` are kept, give or take a block.
 */
export class ConsoleHistory {
  readonly #bytesMax: number;
  readonly #readers = new Set<ConsoleReader>();
  #blocks: Block[] = [];
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
    for (let done = 0; done < fresh.byteLength;)
      done += this.#keep(fresh.subarray(done), at + done);
    while (this.#levelBytes > this.#bytesMax && this.#blocks.length > 1) {
      this.#levelBytes -= this.#blocks.shift()?.length ?? 0;
    }
    for (const reader of [...this.#readers]) reader(fresh, at);
  }

  /** Replays what is kept from `from` on, then follows; the returned function stops it. */
  read(from: ConsoleOffset, reader: ConsoleReader): () => void {
    for (const { offset, bytes, length } of this.#blocks) {
      if (offset + length <= from) continue;
      const skip = Math.max(0, from - offset);
      reader(bytes.subarray(skip, length), offset + skip);
    }
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  get end(): ConsoleOffset {
    return this.#end;
  }

  /** Copies what fits into one block; answers how much that was. */
  #keep(bytes: Uint8Array, at: ConsoleOffset): number {
    let block = this.#blocks.at(-1);
    if (!block || block.offset + block.length !== at || block.length === block.bytes.byteLength) {
      block = { offset: at, bytes: new Uint8Array(blockBytes), length: 0 };
      this.#blocks.push(block);
    }
    const count = Math.min(bytes.byteLength, block.bytes.byteLength - block.length);
    block.bytes.set(bytes.subarray(0, count), block.length);
    block.length += count;
    this.#levelBytes += count;
    this.#end = at + count;
    return count;
  }
}

interface Block {
  readonly offset: ConsoleOffset;
  readonly bytes: Uint8Array;
  length: number;
}

const blockBytes = 4096;
