import { name, section, unsigned } from './wasm-encoding.js';

/** Which way a branch of a function nearly always goes. */
export const likelihood = { neverTaken: 0, alwaysTaken: 1 } as const;
export type Likelihood = (typeof likelihood)[keyof typeof likelihood];

// A place in 32 bits, the size of a hint, the hint.
const hintBytesMax = 7;

/**
 * The branches of a function of which the engine should know the usual way. It then keeps what is behind the other
 * one out of the way, and no register is saved for a call that is not made.
 *
 * Shape:  branches are added in the order of their places. Changes nothing of what the function computes; an engine
 *         that has not been told to read hints passes over them (`tier-up.ts`).
 * Source: WebAssembly's proposal "branch hinting", `metadata.code.branch_hint`.
 */
export class BranchHints {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #count = 0;

  /** `at`: the place of the branch after the size of the function's body, in bytes. */
  add(at: number, hint: Likelihood): void {
    if (this.#length + hintBytesMax > this.#bytes.length) {
      const more = new Uint8Array(2 * this.#bytes.length);
      more.set(this.#bytes);
      this.#bytes = more;
    }
    const bytes = this.#bytes;
    let rest = at;
    for (; rest > 0x7f; rest >>>= 7) bytes[this.#length++] = (rest & 0x7f) | 0x80;
    bytes[this.#length++] = rest;
    bytes[this.#length++] = 1;
    bytes[this.#length++] = hint;
    this.#count += 1;
  }

  /** The section of a module of one function, to stand before its code. */
  section(functionIndex: number): Uint8Array {
    const before = [
      ...name('metadata.code.branch_hint'),
      ...[1, ...unsigned(functionIndex), ...unsigned(this.#count)],
    ];
    const bytes = this.#bytes.subarray(0, this.#length);
    return section(0, Buffer.concat([Uint8Array.from(before), bytes]));
  }
}
