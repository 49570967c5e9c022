import { blockBytes, type LinearMemory } from './linear-memory.js';

// A step is a millisecond of the guest's time at most: 4 MiB.
const blocksPerStep = 64;
const hostPageBytes = 4096;
// For devices, compiled functions, and what the guest touches between the first step and the cut.
const slackBytes = 64 * 1024 * 1024;
const touchedSlackBytes = 4 * 1024 * 1024;

/**
 * Room for the state of a cut, made ahead of it. To copy a machine into memory that the host has yet
 * to find takes five times as long as the copy itself (32 and 6.4 ms for 128 MiB), so the room is
 * touched before, a little between each two epochs.
 *
 * Shape:  `prepare` until it answers true, then `take` once.
 */
export class CutBuffer {
  #room: Uint8Array | null = null;
  #seenBlocks = 0;
  #touchedBytes = 0;

  /** One step. Answers whether there is room for every block in use. */
  prepare(memory: LinearMemory): boolean {
    if (!this.#room) {
      this.#room = new Uint8Array(memory.byteLength + slackBytes);
      this.#touch(touchedSlackBytes);
    }
    const end = Math.min(this.#seenBlocks + blocksPerStep, memory.blocks);
    while (this.#seenBlocks < end) {
      if (!memory.isZero(this.#seenBlocks)) this.#touch(blockBytes);
      this.#seenBlocks += 1;
    }
    return this.#seenBlocks >= memory.blocks;
  }

  /** At least `bytes`, zero; the caller owns it. */
  take(bytes: number): Uint8Array {
    const room = this.#room;
    this.#room = null;
    this.#seenBlocks = 0;
    this.#touchedBytes = 0;
    return room && room.byteLength >= bytes ? room : new Uint8Array(bytes);
  }

  #touch(bytes: number): void {
    const end = this.#touchedBytes + bytes;
    for (; this.#touchedBytes < end; this.#touchedBytes += hostPageBytes) {
      if (this.#room) this.#room[this.#touchedBytes] = 0;
    }
  }
}
