import { assert } from '../assert.js';
import { likelihood, type BranchHints } from './branch-hints.js';
import { stateInPage } from './guest-jump.js';
import { instructionEnd } from './wasm-instructions.js';
import { constant, wasm } from './wasm-encoding.js';

// As far back as a rule looks, and a power of two.
const window = 8;
// TLB_VALID: the one flag that an entry of v86's TLB has of those that a fast access asks for.
const valid = 1;
const pageBytes = 4096;
const accessBytesMax = 16;

const addMore = Array.from({ length: accessBytesMax }, (_none, more) =>
  Uint8Array.of(...constant(more), wasm.i32Add),
);
const askWhetherValid = Uint8Array.of(
  ...[wasm.i32Xor, ...constant(pageBytes), wasm.i32And, wasm.i32Or],
  ...[...constant(valid), wasm.i32Equal],
);

const hasRule = new Uint8Array(256);
for (const opcode of [wasm.i32And, wasm.branchIf, wasm.if, wasm.call]) hasRule[opcode] = 1;

// One function is changed at a time, a few hundred in a life: their memory is not made anew for each.
let scratch = new Uint8Array(0);

/**
 * The instructions of a compiled function, copied with three things changed, none of which changes what the guest sees:
 *
 * - An indirect jump finds a target in its own page without a call (`stateInPage`).
 * - An access to the guest's memory asks one question instead of two, whether the TLB has the page and whether the
 *   access stays in it: both answers were made numbers first, by two instructions each.
 * - The way of an access that neither the TLB nor the page's end stops is hinted as the usual one.
 *
 * Source: v86 0.5.462, `gen_safe_read`, `gen_safe_write` and `gen_safe_read_write` of codegen.rs.
 */
export class GuestCode {
  readonly #code: Uint8Array;
  readonly #out: Uint8Array;
  readonly #starts = new Int32Array(window);
  #count = 0;
  #copied = 0;
  #written = 0;
  #asked: { with: Uint8Array; inLine: Uint8Array } | null = null;

  constructor(code: Uint8Array) {
    this.#code = code;
    // A lookup of a jump is the longest that is put in, for six bytes at least.
    const roomBytes = 16 * code.length;
    if (scratch.length < roomBytes) scratch = new Uint8Array(roomBytes);
    this.#out = scratch;
  }

  /**
   * `lookup`: the call of `jit_find_cache_entry_in_page`, if there is one. `freeLocal`: the first of two that the
   * function does not use. `hints` get places that count from `startsAt` at the first instruction.
   */
  changed(
    lookup: Uint8Array | null,
    freeLocal: number,
    hints: BranchHints,
    startsAt: number,
  ): Uint8Array {
    const code = this.#code;
    const starts = this.#starts;
    // A guest waits for this loop whenever something new is compiled: most instructions concern no rule.
    let count = 0;
    for (let at = 0; at < code.length;) {
      const opcode = code[at]!;
      const end = instructionEnd(code, at);
      if (hasRule[opcode] === 1) {
        this.#count = count;
        const place = startsAt + this.#written + at - this.#copied;
        if (opcode === wasm.i32And) {
          if (this.#asksForPageAndEnd()) this.#askOnce(end);
        } else if (opcode === wasm.branchIf) {
          if (this.#asksForFastWay()) hints.add(place, likelihood.alwaysTaken);
          else if (this.#asksForFault()) hints.add(place, likelihood.neverTaken);
        } else if (opcode === wasm.if) {
          if (this.#asksForSlowWrite()) hints.add(place, likelihood.neverTaken);
        } else if (lookup && isAt(code, at, lookup)) {
          this.#lookUp(at, end, freeLocal);
        }
      }
      starts[count % window] = at;
      count += 1;
      at = end;
    }
    this.#copy(code.length);
    return this.#out.subarray(0, this.#written);
  }

  /** `(entry & flags) == valid & (address & 4095) <= 4096 - bytes`, its last `&` comes next. */
  #asksForPageAndEnd(): boolean {
    return (
      this.#opcode(1) === wasm.i32AtMostSigned &&
      this.#isConstant(2) &&
      this.#opcode(3) === wasm.i32And &&
      this.#isConstant(4, pageBytes - 1) &&
      this.#opcode(5) === wasm.localGet &&
      this.#opcode(6) === wasm.i32Equal &&
      this.#isConstant(7, valid)
    );
  }

  /** `((entry & flags) | ((address + bytes - 1) ^ address) & 4096) == valid` */
  #askOnce(end: number): void {
    const bytes = pageBytes - this.#constant(2);
    if (bytes < 1 || bytes > accessBytesMax) return;
    const [address, afterAddress] = [this.#start(5), this.#start(4)];
    this.#copy(this.#start(7));
    this.#put(this.#code, address, afterAddress);
    this.#put(addMore[bytes - 1]!);
    this.#put(this.#code, address, afterAddress);
    this.#put(askWhetherValid);
    this.#copied = end;
  }

  /** The answer to an access's question comes before: that of several bytes, or `(entry & flags) == valid`. */
  #asksForFastWay(): boolean {
    const last = this.#opcode(1) === wasm.localTee ? 2 : 1;
    if (this.#opcode(last) === wasm.i32And) return this.#opcode(last + 1) === wasm.i32AtMostSigned;
    return (
      this.#opcode(last) === wasm.i32Equal &&
      this.#isConstant(last + 1, valid) &&
      this.#opcode(last + 2) === wasm.i32And
    );
  }

  /** `(entry = slow way()) & 1`: the access was not allowed. */
  #asksForFault(): boolean {
    return (
      this.#opcode(1) === wasm.i32And &&
      this.#isConstant(2, 1) &&
      this.#opcode(3) === wasm.localTee &&
      this.#opcode(4) === wasm.call
    );
  }

  /** `!fast`: the answer, kept since the access read, is asked for again before it writes. */
  #asksForSlowWrite(): boolean {
    return this.#opcode(1) === wasm.i32IsZero && this.#opcode(2) === wasm.localGet;
  }

  /** v86 looks a jump up with its address, the function's index and its flags on the stack. */
  #lookUp(at: number, end: number, freeLocal: number): void {
    const areConstants = this.#isConstant(1) && this.#isConstant(2);
    assert(areConstants, 'v86 looks a jump up for a function it does not know');
    const [start, flagsAt] = [this.#start(2), this.#start(1)];
    // It asks with its own index and flags, the same each time.
    if (!this.#asked || !isAt(this.#code, start, this.#asked.with)) {
      const [index, flags] = [
        this.#code.subarray(start, flagsAt),
        this.#code.subarray(flagsAt, at),
      ];
      const inLine = stateInPage(index, flags, freeLocal);
      this.#asked = { with: this.#code.subarray(start, at), inLine };
    }
    this.#copy(start);
    this.#put(this.#asked.inLine);
    this.#copied = end;
  }

  /** Where the instruction begins that is `back` before the one looked at. */
  #start(back: number): number {
    return this.#count < back ? 0 : this.#starts[(this.#count - back) % window]!;
  }

  #opcode(back: number): number {
    return this.#count < back ? wasm.unreachable : this.#code[this.#start(back)]!;
  }

  #isConstant(back: number, value?: number): boolean {
    if (this.#opcode(back) !== wasm.i32Const) return false;
    return value === undefined || this.#constant(back) === value;
  }

  /** Of a constant from 0 to 8191; others answer something else than they are. */
  #constant(back: number): number {
    const at = this.#start(back) + 1;
    const low = this.#code[at]!;
    return low < 0x80 ? low : (low & 0x7f) | (this.#code[at + 1]! << 7);
  }

  #copy(to: number): void {
    this.#put(this.#code, this.#copied, to);
    this.#copied = to;
  }

  #put(bytes: Uint8Array, from = 0, to = bytes.length): void {
    const out = this.#out;
    let written = this.#written;
    for (let at = from; at < to; at++) out[written++] = bytes[at]!;
    this.#written = written;
  }
}

function isAt(code: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (code[at + i] !== wanted[i]) return false;
  return true;
}
