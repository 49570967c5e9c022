import { describe, expect, it } from 'vitest';
import type { GenerationRecord } from '../../src/arbiter/generation-record.js';
import type { GenerationStore } from '../../src/host/generation-store.js';

/** A record of `replica` for `generation`, complete. */
export function generationRecord(generation: number, replica: string): GenerationRecord {
  return {
    generation,
    vm: '4a0d0c5e-57a2-4f37-9f1c-3b7f7a0e8b11',
    holder: {
      replica,
      pid: 4711,
      host: 'left',
      endpoint: 'ws://127.0.0.1:7001',
      api: 'http://127.0.0.1:7001',
    },
    inSync: ['b1', 'b2'],
    reason: 'takeover',
    claimedAt: '2026-01-02T03:04:05.678Z',
  };
}

/** The storage of one VM; each `open` is another replica's view of it. */
export interface SharedGenerations {
  open(): GenerationStore;
}

/** What every implementation of `GenerationStore` promises (FT paper §2.3). */
export function generationStoreContract(hostName: string, make: () => SharedGenerations): void {
  describe(`a generation store of ${hostName}`, () => {
    it('holds nothing at first', async () => {
      const store = make().open();
      expect(await store.latest()).toEqual({ kind: 'none' });
      expect(await store.read(1)).toBeNull();
    });

    it('lets the first claim win and tells the second who holds it', async () => {
      const shared = make();
      const [a, b] = [shared.open(), shared.open()];
      const ours = generationRecord(1, 'a');
      expect(await a.claim(ours)).toEqual({ kind: 'won' });
      expect(await b.claim(generationRecord(1, 'b'))).toEqual({ kind: 'lost', holder: ours });
    });

    it('answers won again to the holder: it may have missed the first answer', async () => {
      const shared = make();
      await shared.open().claim(generationRecord(1, 'a'));
      expect(await shared.open().claim(generationRecord(1, 'a'))).toEqual({ kind: 'won' });
    });

    it('has exactly one winner among 50 claims at once', async () => {
      const shared = make();
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, i) => shared.open().claim(generationRecord(3, `r${i}`))),
      );
      const winner = outcomes.findIndex(({ kind }) => kind === 'won');
      const holder = generationRecord(3, `r${winner}`);
      const losers = outcomes.filter((_, i) => i !== winner);
      expect(losers).toEqual(losers.map(() => ({ kind: 'lost', holder })));
      expect(await shared.open().read(3)).toEqual(holder);
    });

    it('never gives a generation twice, not even after a later one', async () => {
      const store = make().open();
      for (const generation of [1, 2, 3]) await store.claim(generationRecord(generation, 'a'));
      expect((await store.claim(generationRecord(2, 'b'))).kind).toBe('lost');
    });

    it('reads back every field, of the latest and of any other', async () => {
      const shared = make();
      const writer = shared.open();
      for (const generation of [9, 10, 11]) {
        await writer.claim(generationRecord(generation, `r${generation}`));
      }
      const reader = shared.open();
      expect(await reader.latest()).toEqual({
        kind: 'found',
        record: generationRecord(11, 'r11'),
      });
      expect(await reader.read(9)).toEqual(generationRecord(9, 'r9'));
      expect(await reader.read(12)).toBeNull();
    });
  });
}
