import { assert } from '../assert.js';
import type { CutBuffer } from './cut-buffer.js';
import type { CompiledFunction, FunctionTable } from './function-table.js';
import { blockBytes, LinearMemory } from './linear-memory.js';
import type { V86Emulator } from './v86-internals.js';

const headBytes = 20;
const functionHeadBytes = 8;

/**
 * A machine as bytes: v86's linear memory (the guest's, and all that v86 knows of its processor: its
 * TLB, its translations, what is compiled), the modules of its compiled functions, and its devices,
 * which are JavaScript. To save it changes nothing, and a machine restored from it goes on where the
 * first one stands, bit for bit and as warm.
 *
 * Shape (little endian):
 * ```
 * device bytes u32 | functions u32 | function bytes u32 | blocks u32 | blocks present u32
 * v86's state file, its memories empty | (index u32 | bytes u32 | module) … | a byte per block | the blocks not all zero
 * ```
 * Units:  blocks are 64 KiB. Sizes of memories are the machine's, and must be equal on both sides.
 */
export function saveState(
  emulator: V86Emulator,
  table: FunctionTable,
  buffer: CutBuffer,
): Uint8Array {
  const devices = new Uint8Array(emulator.v86.save_state());
  const functions = table.functions();
  const functionBytes = bytesOf(functions);
  const memory = new LinearMemory(emulator.v86.cpu.wasm_memory);
  const { blocks } = memory;
  const functionsAt = headBytes + devices.byteLength;
  const presentAt = functionsAt + functionBytes;
  const blocksAt = presentAt + blocks;

  const isPresent = Uint8Array.from({ length: blocks }, (_, block) =>
    memory.isZero(block) ? 0 : 1,
  );
  const present = isPresent.reduce((sum, bit) => sum + bit, 0);

  const stateBytes = blocksAt + present * blockBytes;
  const state = buffer.take(stateBytes);
  const view = new DataView(state.buffer);
  [devices.byteLength, functions.length, functionBytes, blocks, present].forEach((value, i) =>
    view.setUint32(4 * i, value, true),
  );
  state.set(devices, headBytes);
  let at = functionsAt;
  for (const { index, code } of functions) {
    view.setUint32(at, index, true);
    view.setUint32(at + 4, code.byteLength, true);
    state.set(code, at + functionHeadBytes);
    at += functionHeadBytes + code.byteLength;
  }
  state.set(isPresent, presentAt);
  at = blocksAt;
  isPresent.forEach((bit, block) => {
    if (bit === 0) return;
    state.set(memory.read(block), at);
    at += blockBytes;
  });
  return state.subarray(0, stateBytes);
}

/** One step of what can be done ahead of `saveState`. Answers whether that was all. */
export function prepareSave(
  emulator: V86Emulator,
  table: FunctionTable,
  buffer: CutBuffer,
): boolean {
  const memory = new LinearMemory(emulator.v86.cpu.wasm_memory);
  return buffer.prepare(memory, bytesOf(table.functions()));
}

export function restoreState(emulator: V86Emulator, table: FunctionTable, state: Uint8Array): void {
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  const functionsAt = headBytes + view.getUint32(0, true);
  const presentAt = functionsAt + view.getUint32(8, true);
  const blocks = view.getUint32(12, true);
  const blocksAt = presentAt + blocks;
  const present = view.getUint32(16, true);
  assert(state.byteLength === blocksAt + present * blockBytes, 'the state is of another machine');

  // Before memory: v86 leaves its traces there while it restores devices.
  emulator.v86.restore_state(state.slice(headBytes, functionsAt).buffer);
  const memory = new LinearMemory(emulator.v86.cpu.wasm_memory);
  memory.growTo(blocks);
  let at = blocksAt;
  for (let block = 0; block < blocks; block++) {
    if (state[presentAt + block] === 0) {
      memory.clear(block);
    } else {
      memory.write(block, state.subarray(at, at + blockBytes));
      at += blockBytes;
    }
  }
  const functions: CompiledFunction[] = [];
  at = functionsAt;
  for (let count = view.getUint32(4, true); count > 0; count--) {
    const codeAt = at + functionHeadBytes;
    const codeEnd = codeAt + view.getUint32(at + 4, true);
    functions.push({ index: view.getUint32(at, true), code: state.slice(codeAt, codeEnd) });
    at = codeEnd;
  }
  table.restore(functions);
}

function bytesOf(functions: readonly CompiledFunction[]): number {
  return functions.reduce((sum, { code }) => sum + functionHeadBytes + code.byteLength, 0);
}
