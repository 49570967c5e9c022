import { expect, it } from 'vitest';
import { FrameMemory } from '../../src/network/frame-memory.js';

it('gives each frame bytes of its own, all zero, whatever is written to the others', () => {
  const memory = new FrameMemory();
  const frames = Array.from({ length: 100 }, (_, i) => memory.take(60 + 29 * i));
  for (const [i, frame] of frames.entries()) {
    expect(frame).toEqual(new Uint8Array(60 + 29 * i));
    frame.fill(i + 1);
  }
  for (const [i, frame] of frames.entries())
    expect(frame.every((byte) => byte === i + 1)).toBe(true);
});

it('gives many frames one buffer, and one that is larger than that a buffer of its own', () => {
  const memory = new FrameMemory();
  const buffers = new Set(Array.from({ length: 100 }, () => memory.take(1514).buffer));
  expect(buffers.size).toBeLessThan(10);
  expect(memory.take(100_000).byteLength).toBe(100_000);
});
