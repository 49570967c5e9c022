import { assert } from '../assert.js';
import { chained, enterImport } from './chained-function.js';
import { HotFunctions } from './hot-functions.js';
import { enterFrom } from './guest-jump.js';
import { jitLayout, type V86Imports } from './v86-internals.js';

const { functionsStart } = jitLayout;
// WASM_TABLE_SIZE.
const functionsMax = 900;

/** A module of one compiled function, as v86 wrote it. */
export interface CompiledFunction {
  readonly index: number;
  readonly code: Uint8Array;
}

/**
 * The functions that v86 compiled from guest code, and the modules they came from: the only part of
 * v86's processor that is not in its linear memory. With the modules another machine can go on where
 * this one stands.
 *
 * Shape:  an index is in use from `set` to v86's own `jit_clear_func`.
 */
export class FunctionTable {
  #table: WebAssembly.Table | null = null;
  #jitImports: WebAssembly.ModuleImports = {};
  readonly #codes = new Map<number, Uint8Array>();
  readonly #hot: HotFunctions;

  constructor(hot = new HotFunctions()) {
    this.#hot = hot;
  }

  takeOver(imports: V86Imports): void {
    const { jit_clear_func, jit_clear_all_funcs } = imports;
    this.#table = imports.__indirect_function_table;
    imports.jit_clear_func = (index) => {
      this.#codes.delete(index);
      jit_clear_func(index);
    };
    imports.jit_clear_all_funcs = () => {
      this.#codes.clear();
      jit_clear_all_funcs();
    };
  }

  /** The machine stands: this is what its functions import. */
  attach(jitImports: WebAssembly.ModuleImports): void {
    assert(this.#table, 'the machine stands before v86 has made the table of functions');
    this.#jitImports = { ...jitImports, [enterImport]: enterFrom(this.#table) };
  }

  compile(code: Uint8Array): unknown {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(chained(code)), {
      e: this.#jitImports,
    });
    return instance.exports['f'];
  }

  /** A round has ended where function `index` goes on: what runs often and long is made anew. */
  sample(index: number): void {
    const code = this.#codes.get(index);
    if (!code) return;
    const ready = this.#hot.sample(code, chained);
    if (!ready) return;
    for (const [place, used] of this.#codes) {
      if (used !== ready.code) continue;
      const { f } = new WebAssembly.Instance(ready.module, { e: this.#jitImports }).exports;
      this.#table?.set(place + functionsStart, f);
    }
  }

  set({ index, code }: CompiledFunction, run: unknown): void {
    assert(this.#table, 'the table of functions is used before v86 has made it');
    this.#codes.set(index, code);
    this.#hot.newFunction();
    this.#table.set(index + functionsStart, run);
  }

  /** All functions in use, by index. */
  functions(): CompiledFunction[] {
    return Array.from(this.#codes, ([index, code]) => ({ index, code })).sort(
      (one, other) => one.index - other.index,
    );
  }

  /** Puts in functions of another machine. Each is compiled when it is first called. */
  restore(functions: readonly CompiledFunction[]): void {
    for (const compiled of functions) {
      const { index, code } = compiled;
      assert(index < functionsMax, `v86 has no function ${index}`);
      this.set(
        compiled,
        // It runs nothing: the guest stands where it did, and v86's main loop calls what is there now.
        callable(() => this.#table?.set(index + functionsStart, this.compile(code))),
      );
    }
  }
}

/** A JavaScript function as a table of functions takes it: imported and exported again. */
function callable(call: () => void): unknown {
  const instance = new WebAssembly.Instance(passThrough, { e: { f: call } });
  return instance.exports['f'];
}

/** `(module (import "e" "f" (func (param i32))) (export "f" (func 0)))` */
const passThrough = new WebAssembly.Module(
  Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...[0x01, 0x05, 0x01, 0x60, 0x01, 0x7f, 0x00],
    ...[0x02, 0x07, 0x01, 0x01, 0x65, 0x01, 0x66, 0x00, 0x00],
    ...[0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00],
  ),
);
