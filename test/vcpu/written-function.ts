import { name, section, unsigned, wasm } from '../../src/vcpu/wasm-encoding.js';

const { i32Type, functionType, functionKind } = wasm;
const memoryKind = 2;

export const lookupName = 'jit_find_cache_entry_in_page';

/** A module as v86 writes it, whose function runs `instructions`; it can call `log` (0) and the lookup (1). Its locals are 0 to 2. */
export function functionOf(instructions: readonly number[]): Uint8Array {
  const body = [1, 2, wasm.i32Type, ...instructions, wasm.end];
  return Buffer.concat([
    Uint8Array.from(wasm.header),
    section(wasm.types, [
      4,
      ...[functionType, 0, 0],
      ...[functionType, 1, i32Type, 0],
      ...[functionType, 2, i32Type, i32Type, 0],
      ...[functionType, 3, i32Type, i32Type, i32Type, 1, i32Type],
    ]),
    section(wasm.imports, [
      3,
      ...[...name('e'), ...name('log'), functionKind, 1],
      ...[...name('e'), ...name(lookupName), functionKind, 3],
      ...[...name('e'), ...name('m'), memoryKind, 0, 1],
    ]),
    section(wasm.functions, [1, 1]),
    section(wasm.exports, [1, ...name('f'), functionKind, 0x82, 0]),
    section(wasm.codes, [1, ...unsigned(body.length), ...body]),
  ]);
}
