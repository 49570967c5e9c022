import { name, section, unsigned } from './wasm-encoding.js';

/** Which way a branch of a function nearly always goes. */
export const likelihood = { neverTaken: 0, alwaysTaken: 1 } as const;
export type Likelihood = (typeof likelihood)[keyof typeof likelihood];

/**
 * The branches of a function of which the engine should know the usual way. It then keeps what is behind the other
 * one out of the way, and no register is saved for a call that is not made.
 *
 * Shape:  branches are added in the order of their places. Changes nothing of what the function computes; an engine
 *         that has not been told to read hints passes over them (`tier-up.ts`).
 * Source: WebAssembly's proposal "branch hinting", `metadata.code.branch_hint`.
 */
export class BranchHints {
  readonly #bytes: number[] = [];
  #count = 0;

  /** `at`: the place of the branch after the size of the function's body, in bytes. */
  add(at: number, hint: Likelihood): void {
    this.#bytes.push(...unsigned(at), 1, hint);
    this.#count += 1;
  }

  /** The section of a module of one function, to stand before its code. */
  section(functionIndex: number): Uint8Array {
    return section(0, [
      ...name('metadata.code.branch_hint'),
      ...[1, ...unsigned(functionIndex), ...unsigned(this.#count)],
      ...this.#bytes,
    ]);
  }
}
