import { assert } from '../assert.js';

// What follows an opcode of WebAssembly 1.0.
const nothing = 1;
const number = 2;
const twoNumbers = 3;
const fourBytes = 4;
const eightBytes = 5;
const labels = 6;

const immediates = new Uint8Array(256);
const set = (kind: number, first: number, last = first): unknown =>
  immediates.fill(kind, first, last + 1);
set(nothing, 0x00, 0x01); // unreachable, nop
set(number, 0x02, 0x04); // block, loop, if: a type of one byte
set(nothing, 0x05); // else
set(nothing, 0x0b); // end
set(number, 0x0c, 0x0d); // br, br_if
set(labels, 0x0e); // br_table
set(nothing, 0x0f); // return
set(number, 0x10); // call
set(twoNumbers, 0x11); // call_indirect
set(nothing, 0x1a, 0x1b); // drop, select
set(number, 0x20, 0x24); // local.get to global.set
set(twoNumbers, 0x28, 0x3e); // loads and stores: alignment, offset
set(number, 0x3f, 0x40); // memory.size, memory.grow
set(number, 0x41, 0x42); // i32.const, i64.const
set(fourBytes, 0x43); // f32.const
set(eightBytes, 0x44); // f64.const
set(nothing, 0x45, 0xbf); // comparison, arithmetic, conversion

/**
 * Where the instruction at `at` ends.
 *
 * Errors: asserts that it is one of WebAssembly 1.0: v86 writes no other.
 */
export function instructionEnd(code: Uint8Array, at: number): number {
  const start = at + 1;
  const kind = immediates[code[at]!]!;
  if (kind === nothing) return start;
  switch (kind) {
    case number:
      return numberEnd(code, start);
    case twoNumbers:
      return numberEnd(code, numberEnd(code, start));
    case fourBytes:
      return start + 4;
    case eightBytes:
      return start + 8;
    case labels:
      return labelsEnd(code, start);
    default:
      assert(false, `WebAssembly of v86 has an opcode ${code[at] ?? 'less end'}`);
  }
}

function numberEnd(code: Uint8Array, at: number): number {
  let end = at;
  while (code[end++]! >= 0x80);
  return end;
}

/** A count, as many labels, and the label of all other cases. */
function labelsEnd(code: Uint8Array, at: number): number {
  let count = 0;
  let end = at;
  for (let shift = 0; ; shift += 7) {
    const byte = code[end++] ?? 0;
    count |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  for (let label = 0; label <= count; label++) end = numberEnd(code, end);
  return end;
}
