import { describe, expect, it } from 'vitest';
import { MemoryScrub } from '../../src/vcpu/memory-scrub.js';

const mebibyte = 2 ** 20;

/** Guest times at which epochs start: every `gapMs` from `fromMs` on, for `forMs`. */
function clocks(fromMs: number, forMs: number, gapMs: number): number[] {
  return Array.from({ length: Math.floor(forMs / gapMs) }, (_, i) => fromMs + (i + 1) * gapMs);
}

describe('the scrub of guest memory', () => {
  it.each([
    { memoryMiB: 12, gapMs: 1 },
    { memoryMiB: 12, gapMs: 100 },
    { memoryMiB: 128, gapMs: 1 },
    { memoryMiB: 128, gapMs: 27.5 },
    // v86 lets a halted guest sleep for 100 ms at most.
    { memoryMiB: 128, gapMs: 100 },
  ])(
    'covers all of $memoryMiB MiB within 10 s, with an epoch each $gapMs ms',
    ({ memoryMiB, gapMs }) => {
      const memory = new Int32Array((memoryMiB * mebibyte) / 4);
      const scrub = new MemoryScrub(memory.byteLength);
      scrub.restartAt(1234.5);
      let [coveredBytes, endBytes] = [0, -1];
      for (const clockMs of clocks(1234.5, 10_000, gapMs)) {
        scrub.hash(memory, clockMs);
        const stretch = scrub.stretch;
        // Each begins where the one before ended.
        if (endBytes >= 0) expect(stretch.startBytes).toBe(endBytes);
        endBytes = stretch.endBytes;
        const bytes = endBytes - stretch.startBytes;
        coveredBytes += bytes < 0 ? bytes + memory.byteLength : bytes;
      }
      expect(coveredBytes).toBeGreaterThanOrEqual(memory.byteLength);
    },
  );

  it('hashes a small part at a time, however long the guest slept', () => {
    const memory = new Int32Array((128 * mebibyte) / 4);
    const scrub = new MemoryScrub(memory.byteLength);
    scrub.restartAt(0);
    for (const clockMs of [60_000, 60_001, 60_002]) {
      scrub.hash(memory, clockMs);
      const { startBytes, endBytes } = scrub.stretch;
      expect(endBytes - startBytes).toBe(2 * mebibyte);
    }
  });

  it('sees each single bit, and says where', () => {
    const size = (12 * mebibyte) / 4;
    const [ours, theirs] = [new Int32Array(size), new Int32Array(size)];
    for (const [word, bit] of [
      [0, 0],
      [1_000_003, 17],
      [size - 1, 31],
    ] as const) {
      theirs[word] = 1 << bit;
      const [here, there] = [ours, theirs].map((memory) => {
        const scrub = new MemoryScrub(memory.byteLength);
        scrub.restartAt(77);
        return clocks(77, 8000, 2.5).map((clockMs) => [scrub.hash(memory, clockMs), scrub.stretch]);
      });
      const differing = here!.filter(([hash], i) => hash !== there![i]![0]);
      expect(differing).toHaveLength(1);
      const { startBytes, endBytes } = differing[0]![1] as MemoryScrub['stretch'];
      const byte = word * 4;
      const isWithin =
        startBytes < endBytes
          ? startBytes <= byte && byte < endBytes
          : byte >= startBytes || byte < endBytes;
      expect(isWithin).toBe(true);
      theirs[word] = 0;
    }
  });
});
