import { expect, it } from 'vitest';
import { CutBuffer } from '../../src/vcpu/cut-buffer.js';
import { blockBytes, LinearMemory } from '../../src/vcpu/linear-memory.js';

/** A memory of so many blocks, of which those named are in use. */
function memoryOf(blocks: number, inUse: readonly number[]): LinearMemory {
  const buffer = new ArrayBuffer(blocks * blockBytes);
  for (const block of inUse) new Uint8Array(buffer)[(block + 1) * blockBytes - 1] = 1;
  return new LinearMemory({ buffer, grow: () => 0 });
}

function prepared(memory: LinearMemory, functionBytes = 0): { buffer: CutBuffer; steps: number } {
  const buffer = new CutBuffer();
  let steps = 1;
  while (!buffer.prepare(memory, functionBytes)) steps += 1;
  return { buffer, steps };
}

it('makes room for what is in use, not for all there is', () => {
  const { buffer } = prepared(memoryOf(1024, [0, 7, 1023]), 1_000_000);
  const needed = 3 * blockBytes + 1_000_000;
  const room = buffer.take(needed);
  expect(room.byteLength).toBeGreaterThanOrEqual(needed);
  expect(room.byteLength).toBeLessThan(512 * blockBytes);
});

it('does so in steps, and the larger the guest the more of them', () => {
  const used = Array.from({ length: 1024 }, (_, block) => block);
  expect(prepared(memoryOf(1024, used)).steps).toBeGreaterThan(prepared(memoryOf(64, [])).steps);
  expect(prepared(memoryOf(1024, used)).steps).toBeGreaterThan(16);
});

it('gives more than it has made ready, to a guest that was quicker', () => {
  const { buffer } = prepared(memoryOf(16, []));
  expect(buffer.take(512 * blockBytes).byteLength).toBe(512 * blockBytes);
});

it('gives its room away: the next cut gets another', () => {
  const memory = memoryOf(16, [1]);
  const { buffer } = prepared(memory);
  const room = buffer.take(blockBytes);
  while (!buffer.prepare(memory, 0));
  expect(buffer.take(blockBytes).buffer).not.toBe(room.buffer);
});
