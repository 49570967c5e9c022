import { expect, it } from 'vitest';
import { chained, enterImport } from '../../src/vcpu/chained-function.js';
import { constant, wasm, WasmReader } from '../../src/vcpu/wasm-encoding.js';
import { functionOf, lookupName } from './written-function.js';

const { localGet, localSet, localTee, i32And, i32Equal, branchIf, call } = wasm;
const readFlags = 0xfcd;
const log = 0;

const set = (local: number, value: number): number[] => [...constant(value), localSet, local];
/** `local 2 = entry` and whether it is of a valid page, as an access to `bytes` at the address in local 1 asks. */
function question(entry: number, bytes: number): number[] {
  return [
    ...[...constant(entry), localTee, 2, ...constant(readFlags), i32And],
    ...[...constant(1), i32Equal],
    ...(bytes === 1 ? [] : staysInPage(bytes)),
  ];
}
const staysInPage = (bytes: number): number[] => [
  ...[localGet, 1, ...constant(4095), i32And],
  ...[...constant(4096 - bytes), wasm.i32AtMostSigned, i32And],
];
/** An access: `word` is logged where it takes the slow way, whose answer it then asks for a fault. */
const access = (entry: number, bytes: number, word = 7): number[] => [
  ...[wasm.block, wasm.voidType, ...question(entry, bytes), branchIf, 0],
  ...[...constant(word), call, log, wasm.end],
];

function run(instructions: readonly number[]): number[] {
  const logged: number[] = [];
  const e = {
    m: new WebAssembly.Memory({ initial: 80 }),
    log: (value: number) => logged.push(value),
    [lookupName]: () => expect.unreachable('v86 was asked'),
    [enterImport]: () => expect.unreachable('nothing is compiled'),
  };
  const module = new WebAssembly.Module(chained(functionOf(instructions)));
  const { f } = new WebAssembly.Instance(module, { e }).exports;
  (f as (state: number) => void)(0);
  return logged;
}

const entries = [0, 1, 3, 0xfc1, 0x1001, 0x7fff_f001, 0x2c3, -4095];
const addresses = [0, 1, 4079, 4080, 4081, 4088, 4089, 4092, 4093, 4094, 4095, 4096, -1, -4, -17];

it.each([1, 2, 4, 8, 16])('lets an access to %i bytes go the fast way where v86 does', (bytes) => {
  const cases = entries.flatMap((entry) => addresses.map((address) => ({ entry, address })));
  const isSlow = (each: (typeof cases)[number]): boolean =>
    (each.entry & readFlags) !== 1 || (each.address & 4095) > 4096 - bytes;
  const logged = run(
    cases.flatMap(({ entry, address }, i) => [...set(1, address), ...access(entry, bytes, i)]),
  );
  expect(logged.map((i) => cases[i])).toEqual(cases.filter(isSlow));
});

it('asks once for the page and the end of it', () => {
  const changed = Buffer.from(chained(functionOf([...set(1, 5), ...access(1, 4)])));
  expect(changed.includes(Uint8Array.of(wasm.i32AtMostSigned, i32And))).toBe(false);
  expect(changed.includes(Uint8Array.of(wasm.i32Or, ...constant(1), i32Equal))).toBe(true);
});

it('leaves alone what only looks alike', () => {
  const tooWide = [...set(1, 5), ...question(1, 17), wasm.drop];
  const kept = Uint8Array.from(staysInPage(17));
  expect(Buffer.from(chained(functionOf(tooWide))).includes(kept)).toBe(true);
});

/** The instruction of each branch with a hint, and the hint. */
function hintsOf(instructions: readonly number[]): number[][] {
  const bytes = chained(functionOf(instructions));
  const found = WebAssembly.Module.customSections(
    new WebAssembly.Module(Uint8Array.from(bytes)),
    'metadata.code.branch_hint',
  );
  const hints = new WasmReader(new Uint8Array(found[0]!));
  expect([found.length, hints.unsigned(), hints.unsigned()]).toEqual([1, 1, 3]);
  const body = bodyOf(bytes);
  const read: number[][] = [];
  for (let left = hints.unsigned(); left > 0; left--) {
    const at = hints.unsigned();
    expect(hints.unsigned()).toBe(1);
    read.push([body[at]!, hints.unsigned()]);
  }
  expect(hints.isAtEnd).toBe(true);
  return read;
}

function bodyOf(module: Uint8Array): Uint8Array {
  const reader = new WasmReader(module);
  reader.take(wasm.header.length);
  for (;;) {
    const id = reader.byte();
    const section = new WasmReader(reader.counted());
    if (id !== wasm.codes) continue;
    section.unsigned();
    return section.counted();
  }
}

const lookedUp = [...constant(0x5000), ...constant(3), ...constant(13), call, 1, wasm.drop];
const slowRead = [...constant(9), ...constant(0), ...constant(13), call, 1];
const fault = [...slowRead, localTee, 2, ...constant(1), i32And, branchIf, 0];

it.each<[string, number[], number[][]]>([
  ['an access to one byte is fast', access(1, 1), [[branchIf, 1]]],
  ['an access to four bytes is fast', access(1, 4), [[branchIf, 1]]],
  [
    'two are, behind a lookup of a jump',
    [...lookedUp, ...access(1, 4), ...access(1, 2)],
    [
      [branchIf, 1],
      [branchIf, 1],
    ],
  ],
  [
    'the answer is kept for a write',
    [wasm.block, wasm.voidType, ...question(1, 4), localTee, 2, branchIf, 0, wasm.end],
    [[branchIf, 1]],
  ],
  [
    'the slow way of a write is not taken',
    [localGet, 2, wasm.i32IsZero, wasm.if, wasm.voidType, wasm.end],
    [[wasm.if, 0]],
  ],
  ['there is no fault', [wasm.block, wasm.voidType, ...fault, wasm.end], [[branchIf, 0]]],
  [
    "no hint for the guest's own branches",
    [wasm.block, wasm.voidType, localGet, 1, branchIf, 0, wasm.end],
    [],
  ],
])('says of branches: %s', (_what, instructions, hints) => {
  expect(hintsOf(instructions)).toEqual(hints);
});
