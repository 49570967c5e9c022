import { assert } from '../assert.js';

/** The numbers of WebAssembly's binary format, as far as code of ours uses them. */
export const wasm = {
  header: [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  // Sections.
  types: 1,
  imports: 2,
  functions: 3,
  exports: 7,
  codes: 10,
  // What is imported or exported.
  functionKind: 0,
  tableKind: 1,
  // Types.
  voidType: 0x40,
  functionType: 0x60,
  functionReference: 0x70,
  i32Type: 0x7f,
  // Opcodes.
  unreachable: 0x00,
  block: 0x02,
  if: 0x04,
  end: 0x0b,
  branchIf: 0x0d,
  call: 0x10,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  drop: 0x1a,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Load: 0x28,
  i32Load8Unsigned: 0x2d,
  i32Load16Unsigned: 0x2f,
  i32Const: 0x41,
  i32IsZero: 0x45,
  i32Equal: 0x46,
  i32NotEqual: 0x47,
  i32AtMostSigned: 0x4c,
  i32AtLeastUnsigned: 0x4f,
  i32Add: 0x6a,
  i32Subtract: 0x6b,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32ShiftLeft: 0x74,
  i32ShiftRightUnsigned: 0x76,
} as const;

/** LEB128 of a number without a sign, in 32 bits. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

/** LEB128 of a number with a sign, in 32 bits. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  while (rest < -0x40 || rest > 0x3f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  bytes.push(rest & 0x7f);
  return bytes;
}

export function constant(value: number): number[] {
  return [wasm.i32Const, ...signed(value)];
}

/** A load from the address on the stack plus `offset`. */
export function load(opcode: number, offset: number): number[] {
  // Alignment is a hint, and none is always right.
  return [opcode, 0, ...unsigned(offset)];
}

export function name(text: string): number[] {
  return [...unsigned(text.length), ...Buffer.from(text, 'latin1')];
}

export function section(id: number, body: Uint8Array | readonly number[]): Uint8Array {
  const bytes = body instanceof Uint8Array ? body : Uint8Array.from(body);
  return Buffer.concat([Uint8Array.of(id, ...unsigned(bytes.length)), bytes]);
}

/** Reads a module or a part of one from its start. */
export class WasmReader {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at++];
    assert(byte !== undefined, 'a module ends before its parts do');
    return byte;
  }

  unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  take(length: number): Uint8Array {
    const start = this.at;
    this.at += length;
    assert(this.at <= this.bytes.length, 'a module ends before its parts do');
    return this.bytes.subarray(start, this.at);
  }

  /** What its length stands before. */
  counted(): Uint8Array {
    return this.take(this.unsigned());
  }
}
