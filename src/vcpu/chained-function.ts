import { assert } from '../assert.js';
import { BranchHints } from './branch-hints.js';
import { GuestCode } from './guest-code.js';
import { jumpToNext } from './guest-jump.js';
import { name, section, unsigned, wasm, WasmReader } from './wasm-encoding.js';

/** What a chained function imports beside what v86 gives it: `enterFrom`. */
export const enterImport = 'enter';

// FN2 among the types that v86 writes into every module: two numbers, no result.
const enterType = 2;

/**
 * The module of a compiled function, changed so that guest code goes from function to function without
 * v86's main loop, which took a fifth of a busy guest's time: where the function returns it goes on to the next by a
 * tail call. What is changed in its instructions is in `GuestCode`.
 *
 * Shape:  every round leaves the guest in the state it would have without, so whether a replica
 *         chains is nobody else's business. The machine says where a round began
 *         (`wasmOffsets.roundStart`).
 * Errors: asserts that the module has the form that v86 0.5.462 writes.
 */
export function chained(module: Uint8Array): Uint8Array {
  const reader = new WasmReader(module);
  const parts: Uint8Array[] = [reader.take(wasm.header.length)];
  let imports: Imports | null = null;
  while (!reader.isAtEnd) {
    const id = reader.byte();
    let body = reader.counted();
    if (id === wasm.imports) {
      imports = readImports(body);
      body = imports.withEnter;
    } else if (id === wasm.exports) {
      assert(imports, 'v86 exports a function before it has imported any');
      const own = imports.functions + 1;
      body = Uint8Array.of(1, ...name('f'), wasm.functionKind, ...unsigned(own));
    } else if (id === wasm.codes) {
      assert(imports, 'v86 writes a function before it has imported any');
      const { hints, changed } = withJumps(body, imports);
      parts.push(hints);
      body = changed;
    }
    parts.push(section(id, body));
  }
  return Buffer.concat(parts);
}

interface Imports {
  /** How many functions v86 imports; ours is the next. */
  readonly functions: number;
  /** The call of `jit_find_cache_entry_in_page`; null: the function makes none. */
  readonly lookupCall: Buffer | null;
  /** The section, with ours at its end. */
  readonly withEnter: Uint8Array;
}

const lookup = Buffer.from([
  ...[...name('e'), ...name('jit_find_cache_entry_in_page')],
  wasm.functionKind,
]);

function readImports(body: Uint8Array): Imports {
  const reader = new WasmReader(body);
  const count = reader.unsigned();
  const entries = body.subarray(reader.at);
  let functions = 0;
  let lookupCall: Buffer | null = null;
  for (let left = count; left > 0; left--) {
    const entryAt = reader.at;
    reader.counted();
    reader.counted();
    if (reader.byte() === wasm.functionKind) {
      if (lookup.equals(body.subarray(entryAt, reader.at))) {
        lookupCall = Buffer.from([wasm.call, ...unsigned(functions)]);
      }
      functions += 1;
      reader.unsigned();
    } else {
      assert(left === 1, 'v86 imports functions and, last, its memory');
    }
  }
  const enter = [...name('e'), ...name(enterImport), wasm.functionKind, enterType];
  const withEnter = Buffer.concat([
    Uint8Array.from(unsigned(count + 1)),
    entries,
    Uint8Array.from(enter),
  ]);
  return { functions, lookupCall, withEnter };
}

function withJumps(body: Uint8Array, { functions, lookupCall }: Imports) {
  const reader = new WasmReader(body);
  assert(reader.unsigned() === 1, 'v86 writes one function into a module');
  const { groups, declarations, local, instructions } = readFunction(reader.counted());
  const locals = Buffer.concat([
    Uint8Array.from(unsigned(groups + 1)),
    declarations,
    Uint8Array.of(2, wasm.i32Type),
  ]);
  const hints = new BranchHints();
  const code = new GuestCode(instructions).changed(lookupCall, local, hints, locals.length);
  const end = Uint8Array.of(...jumpToNext(functions), wasm.end);
  const size = unsigned(locals.length + code.length + end.length);
  const changed = Buffer.concat([Uint8Array.of(1, ...size), locals, code, end]);
  // Functions that v86 imports, and `enterFrom`, come before it.
  return { hints: hints.section(functions + 1), changed };
}

/** The declarations of locals, the number of the first that is free, and all instructions but `end`. */
function readFunction(body: Uint8Array) {
  const reader = new WasmReader(body);
  const groups = reader.unsigned();
  const declarationsAt = reader.at;
  let local = 1;
  for (let left = groups; left > 0; left--) {
    local += reader.unsigned();
    reader.byte();
  }
  const declarations = body.subarray(declarationsAt, reader.at);
  return { groups, declarations, local, instructions: body.subarray(reader.at, -1) };
}
