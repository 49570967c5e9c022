import { blockBytes, type LinearMemory } from './linear-memory.js';

// A step costs the guest a millisecond at most: 4 MiB.
const blocksPerStep = 64;
const hostPageBytes = 4096;
// For devices, and for what the guest touches and compiles between the first step and the cut.
const slackBytes = 6 * 1024 * 1024;

/**
 * Room for the state of a cut, made ahead of it. To copy a machine into memory that the host has yet
 * to find takes five times as long as the copy itself (32 and 6.4 ms for 128 MiB), so the room is
 * touched before, a little between each two epochs.
 *
 * Shape:  counting ─▶ touching ─▶ ready: `prepare` until it answers true, then `take` once.
 */
export class CutBuffer {
  #seenBlocks = 0;
  #bytes = slackBytes;
  #room: Uint8Array | null = null;
  #touchedBytes = 0;

  /** One step. Answers whether there is room for every block in use, and for `functionBytes`. */
  prepare(memory: LinearMemory, functionBytes: number): boolean {
    if (this.#seenBlocks < memory.blocks) {
      this.#count(memory);
      return false;
    }
    // Not before it is known how much: the engine collects its garbage for as much as it is told of.
    this.#room ??= new Uint8Array(this.#bytes + functionBytes);
    const end = Math.min(this.#touchedBytes + blocksPerStep * blockBytes, this.#room.byteLength);
    for (; this.#touchedBytes < end; this.#touchedBytes += hostPageBytes) {
      this.#room[this.#touchedBytes] = 0;
    }
    return this.#touchedBytes >= this.#room.byteLength;
  }

  /** At least `bytes`, zero; the caller owns it. */
  take(bytes: number): Uint8Array {
    const room = this.#room;
    this.#room = null;
    this.#seenBlocks = 0;
    this.#bytes = slackBytes;
    this.#touchedBytes = 0;
    return room && room.byteLength >= bytes ? room : new Uint8Array(bytes);
  }

  #count(memory: LinearMemory): void {
    const end = Math.min(this.#seenBlocks + 4 * blocksPerStep, memory.blocks);
    for (; this.#seenBlocks < end; this.#seenBlocks += 1) {
      if (!memory.isZero(this.#seenBlocks)) this.#bytes += blockBytes;
    }
  }
}
