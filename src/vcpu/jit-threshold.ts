import { createHash } from 'node:crypto';
import { assert } from '../assert.js';

// v86 0.5.462 and no other: the place below means nothing elsewhere.
const wasmSha256 = 'aa0d0e149d6b60063b85de4871e78505637ce92821e14a9f9802c4008ba2336e';
// JIT_THRESHOLD, 200,000, in the one comparison with it: `i32.const 200000; i32.lt_u`.
const constantAt = 1_423_743;
const constant = Uint8Array.of(0xc0, 0x9a, 0x0c);
// 50,000: below it the cold shell loop gains nothing, and the engine optimizes more that runs briefly.
// Part of LOG_VERSION: replicas compile alike.
const lowered = Uint8Array.of(0xd0, 0x86, 0x03);

/**
 * A copy of v86's WebAssembly that compiles a page of guest code after 50,000 instructions
 * interpreted there instead of 200,000. v86 has no setting for it.
 *
 * Errors: throws for any WebAssembly but the one it knows.
 */
export function withLowerJitThreshold(wasm: Uint8Array): Uint8Array {
  const sha256 = createHash('sha256').update(wasm).digest('hex');
  assert(sha256 === wasmSha256, `v86.wasm is not the one of v86 0.5.462 (SHA-256 ${sha256})`);
  const found = wasm.subarray(constantAt, constantAt + constant.length);
  assert(Buffer.compare(found, constant) === 0, 'v86.wasm has no threshold where it should be');
  const copy = Uint8Array.from(wasm);
  copy.set(lowered, constantAt);
  return copy;
}
