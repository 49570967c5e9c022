import { assert } from '../assert.js';
import type { V86LinearMemory } from './v86-internals.js';

/** A page of WebAssembly memory. */
export const blockBytes = 65_536;
const zeroBlock = Buffer.alloc(blockBytes);

/**
 * All of a machine's WebAssembly memory, block by block: the guest's own, and everything v86 knows
 * about its processor.
 *
 * Shape:  blocks of 64 KiB, from 0. Valid until WebAssembly code runs again.
 */
export class LinearMemory {
  readonly #memory: V86LinearMemory;
  #bytes: Buffer;

  constructor(memory: V86LinearMemory) {
    this.#memory = memory;
    this.#bytes = Buffer.from(memory.buffer);
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }
  get blocks(): number {
    return this.#bytes.byteLength / blockBytes;
  }

  /** Says how large it is to be; it can only grow. */
  growTo(blocks: number): void {
    const missing = blocks - this.blocks;
    assert(missing >= 0, `a machine of ${this.blocks} blocks cannot be one of ${blocks}`);
    if (missing > 0) this.#memory.grow(missing);
    this.#bytes = Buffer.from(this.#memory.buffer);
  }

  isZero(block: number): boolean {
    const start = block * blockBytes;
    return this.#bytes.compare(zeroBlock, 0, blockBytes, start, start + blockBytes) === 0;
  }

  read(block: number): Uint8Array {
    return this.#bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
  }

  write(block: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, block * blockBytes);
  }

  clear(block: number): void {
    // A block never touched is not the host's memory yet, and need not become it.
    if (!this.isZero(block)) this.#bytes.fill(0, block * blockBytes, (block + 1) * blockBytes);
  }
}
