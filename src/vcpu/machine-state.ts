import { assert } from '../assert.js';
import type { V86Cpu, V86Emulator } from './v86-internals.js';

const pageBytes = 4096;
const headBytes = 8;

/**
 * A machine's state as bytes: v86's own state file for the processor and devices, but memory beside
 * it. v86 copies memory three times on its way out and in, page by page, and touches every page of a
 * fresh machine to make it the zero it is; that was most of the pause of a cut.
 *
 * Shape (little endian):
 * ```
 * device bytes u32 | pages u32 | v86's state file | a bit per page of memory | the pages not all zero
 * ```
 * Units:  pages are 4 KiB. The size of memory is the machine's, and must be equal on both sides.
 */
export async function saveState(emulator: V86Emulator): Promise<Uint8Array> {
  const { cpu } = emulator.v86;
  // v86's state file has an empty memory.
  cpu.pack_memory = () => ({
    bitmap: { get_buffer: () => new ArrayBuffer(0) },
    packed_memory: new Uint8Array(0),
  });
  const devices = await emulator.save_state();
  const memory = memoryOf(cpu);
  const present = presentPages(cpu, memory.byteLength / pageBytes);
  const pages = present.reduce((sum, bits) => sum + bitCount(bits), 0);
  const head = headBytes + devices.byteLength + present.byteLength;

  const state = new Uint8Array(head + pages * pageBytes);
  const view = new DataView(state.buffer);
  view.setUint32(0, devices.byteLength, true);
  view.setUint32(4, pages, true);
  state.set(new Uint8Array(devices), headBytes);
  state.set(present, headBytes + devices.byteLength);
  let at = head;
  forEachRun(present, (isPresent, start, end) => {
    if (!isPresent) return;
    state.set(memory.subarray(start, end), at);
    at += end - start;
  });
  return state;
}

export async function restoreState(emulator: V86Emulator, state: Uint8Array): Promise<void> {
  const { cpu } = emulator.v86;
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  const devicesEnd = headBytes + view.getUint32(0, true);
  const bitmapEnd = devicesEnd + memoryOf(cpu).byteLength / pageBytes / 8;
  const pages = view.getUint32(4, true);
  assert(state.byteLength === bitmapEnd + pages * pageBytes, 'the state is of another machine');
  // v86 restores memory before it forgets what it had translated and compiled from it.
  cpu.unpack_memory = () => {
    const memory = memoryOf(cpu);
    let at = bitmapEnd;
    forEachRun(state.subarray(devicesEnd, bitmapEnd), (isPresent, start, end) => {
      if (isPresent) {
        memory.set(state.subarray(at, at + end - start), start);
        at += end - start;
      } else if (!cpu.is_memory_zeroed(start, end - start)) {
        memory.fill(0, start, end); // The loader put the kernel there.
      }
    });
  };
  await emulator.restore_state(state.slice(headBytes, devicesEnd).buffer);
}

function memoryOf(cpu: V86Cpu): Uint8Array {
  const { byteOffset, length } = cpu.mem8;
  return new Uint8Array(cpu.wasm_memory.buffer, byteOffset, length);
}

function presentPages(cpu: V86Cpu, pages: number): Uint8Array {
  const present = new Uint8Array(pages / 8);
  for (let page = 0; page < pages; page++) {
    if (!cpu.is_memory_zeroed(page * pageBytes, pageBytes)) {
      present[page >> 3] = (present[page >> 3] ?? 0) | (1 << (page & 7));
    }
  }
  return present;
}

/** Calls `visit` for each stretch of memory whose pages are all present or all absent, in bytes. */
function forEachRun(
  present: Uint8Array,
  visit: (isPresent: boolean, start: number, end: number) => void,
): void {
  const pages = present.byteLength * 8;
  const isPresent = (page: number): boolean =>
    (((present[page >> 3] ?? 0) >> (page & 7)) & 1) === 1;
  for (let start = 0; start < pages;) {
    let end = start + 1;
    while (end < pages && isPresent(end) === isPresent(start)) end++;
    visit(isPresent(start), start * pageBytes, end * pageBytes);
    start = end;
  }
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest > 0; rest &= rest - 1) count++;
  return count;
}
