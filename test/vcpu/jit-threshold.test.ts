import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { withLowerJitThreshold } from '../../src/vcpu/jit-threshold.js';

const library = createRequire(import.meta.url).resolve('v86');
const wasm = readFileSync(library.replace(/[^/\\]+$/, 'v86.wasm'));

/** Operands of three bytes of the `i32.const` before an `i32.lt_u`: 14 bits and more. */
function comparedWith(bytes: Uint8Array, at: number): number {
  expect([bytes[at - 1], bytes[at + 3]]).toEqual([0x41, 0x49]);
  return [0, 1, 2].reduce((sum, i) => sum + (((bytes[at + i] ?? 0) & 0x7f) << (7 * i)), 0);
}

it('changes the one constant, from 200,000 to 50,000, in code that is still valid', () => {
  const lowered = withLowerJitThreshold(wasm);
  const changed = [...wasm.keys()].filter((at) => wasm[at] !== lowered[at]);
  const first = changed[0] ?? 0;
  expect(changed.length).toBeLessThanOrEqual(3);
  expect(comparedWith(wasm, first)).toBe(200_000);
  expect(comparedWith(lowered, first)).toBe(50_000);
  expect(new WebAssembly.Module(lowered)).toBeInstanceOf(WebAssembly.Module);
});

it('refuses WebAssembly it does not know', () => {
  const other = Uint8Array.from(wasm);
  other[other.length - 1]! ^= 1;
  expect(() => withLowerJitThreshold(other)).toThrow('not the one of v86 0.5.462');
});
