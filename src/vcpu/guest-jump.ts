import { constant, load, name, section, unsigned, wasm } from './wasm-encoding.js';
import { jitLayout, wasmOffsets } from './v86-internals.js';

// A round ends after this many instructions (LOOP_COUNTER of v86's cpu.rs).
const roundInstructions = 100_003;

const { codeOfPages, stateFlags, functionsStart, code } = jitLayout;
const get = (local: number): number[] => [wasm.localGet, ...unsigned(local)];
const tee = (local: number): number[] => [wasm.localTee, ...unsigned(local)];
const leaveIf = [wasm.branchIf, 0];

/** From an address on the stack to what is compiled of its page: a pointer, or 0. */
const codeOfPage = [
  ...[...constant(10), wasm.i32ShiftRightUnsigned],
  ...[...constant(0x3f_fffc), wasm.i32And],
  ...load(wasm.i32Load, codeOfPages),
];

/** From the code of a page and an address in it to the state in which its function begins there. */
function stateAt(found: number, address: number): number[] {
  return [
    ...[...get(found), ...get(address), ...constant(0xfff), wasm.i32And],
    ...[...constant(1), wasm.i32ShiftLeft, wasm.i32Add],
    ...load(wasm.i32Load16Unsigned, code.states),
  ];
}

/**
 * The end of a compiled function: on to the next one, as `do_many_cycles_native` and
 * `cycle_internal` of v86's cpu.rs do it. Returns where they would not call one: the round is over,
 * the processor is halted, nothing is compiled for the address. Locals 0 and 1 are free.
 */
export function jumpToNext(enter: number): number[] {
  const [address, found] = [0, 1];
  return [
    ...[wasm.block, wasm.voidType],
    ...[...constant(0), ...load(wasm.i32Load, wasmOffsets.instructionCounter)],
    ...[...constant(0), ...load(wasm.i32Load, wasmOffsets.roundStart), wasm.i32Subtract],
    ...[...constant(roundInstructions), wasm.i32AtLeastUnsigned, ...leaveIf],
    ...[...constant(0), ...load(wasm.i32Load8Unsigned, wasmOffsets.halted), ...leaveIf],
    ...[...constant(0), ...load(wasm.i32Load, wasmOffsets.instructionPointer), ...tee(address)],
    ...[...codeOfPage, ...tee(found), wasm.i32IsZero, ...leaveIf],
    ...[...get(found), ...load(wasm.i32Load8Unsigned, code.stateFlags)],
    ...[...constant(0), ...load(wasm.i32Load8Unsigned, stateFlags), wasm.i32NotEqual, ...leaveIf],
    ...[...stateAt(found, address), ...tee(address)],
    ...[...constant(code.noState), wasm.i32Equal, ...leaveIf],
    ...[...get(address), ...get(found), ...load(wasm.i32Load16Unsigned, code.index)],
    ...[...constant(functionsStart), wasm.i32Add, wasm.returnCall, ...unsigned(enter)],
    wasm.end,
  ];
}

/**
 * `jit_find_cache_entry_in_page` of v86's jit.rs: from an address on the stack to the state in which this
 * function goes on there, or -1. `index` and `flags` are the instructions that push this function's own. Two
 * locals from `local` on are free.
 */
export function stateInPage(index: Uint8Array, flags: Uint8Array, local: number): Uint8Array {
  const [address, found] = [local, local + 1];
  return Uint8Array.from([
    ...[wasm.localSet, ...unsigned(address), wasm.block, wasm.i32Type, ...constant(-1)],
    ...[...get(address), ...codeOfPage, ...tee(found), wasm.i32IsZero, ...leaveIf],
    ...[...get(found), ...load(wasm.i32Load8Unsigned, code.stateFlags), ...flags],
    ...[wasm.i32NotEqual, ...leaveIf],
    ...[...get(found), ...load(wasm.i32Load16Unsigned, code.index), ...index],
    ...[wasm.i32NotEqual, ...leaveIf],
    ...[...stateAt(found, address), ...tee(address)],
    ...[...constant(code.noState), wasm.i32Equal, ...leaveIf],
    ...[wasm.drop, ...get(address), wasm.end],
  ]);
}

/**
 * The entry into a function of `table` from another one: (state, place in the table). A module that imported the table
 * itself would never be freed: Node 20's engine keeps it as long as the table, and a copy of the table for each.
 */
export function enterFrom(table: WebAssembly.Table): unknown {
  const { i32Type, functionType } = wasm;
  const enter = [0, ...get(0), ...get(1), wasm.returnCallIndirect, 0, 0, wasm.end];
  const module = Buffer.concat([
    Uint8Array.of(...wasm.header),
    section(wasm.types, [
      ...[2, functionType, 1, i32Type, 0],
      ...[functionType, 2, i32Type, i32Type, 0],
    ]),
    section(wasm.imports, [
      ...[1, ...name('e'), ...name('t'), wasm.tableKind],
      ...[wasm.functionReference, 0, 0],
    ]),
    section(wasm.functions, [1, 1]),
    section(wasm.exports, [1, ...name('f'), wasm.functionKind, 0]),
    section(wasm.codes, [1, ...unsigned(enter.length), ...enter]),
  ]);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module), { e: { t: table } });
  return instance.exports['f'];
}
