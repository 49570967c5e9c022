import { describe, expect, it, onTestFinished } from 'vitest';
import type { SectorStore } from '../../src/host/sector-store.js';

const SECTOR = 512;

/** One image, full of zeros at first; each `open` begins anew from what is durable. */
export interface SectorImage {
  open(): Promise<SectorStore>;
}

/** What every implementation of `SectorStore` promises. */
export function sectorStoreContract(
  hostName: string,
  make: (byteLength: number) => Promise<SectorImage>,
): void {
  describe(`a sector store of ${hostName}`, () => {
    async function openStore(byteLength: number): Promise<SectorStore> {
      const store = await (await make(byteLength)).open();
      onTestFinished(() => store.close());
      return store;
    }
    const pattern = (sectors: number, seed: number): Uint8Array =>
      Uint8Array.from({ length: sectors * SECTOR }, (_, i) => (i * 31 + seed) % 251);

    it('has the size of its image and zeros where nothing was written', async () => {
      const store = await openStore(64 * SECTOR);
      expect(store.byteLength).toBe(64 * SECTOR);
      expect(await store.read(60 * SECTOR, 4 * SECTOR)).toEqual(new Uint8Array(4 * SECTOR));
    });

    it('reads what was written, and only there', async () => {
      const store = await openStore(64 * SECTOR);
      await store.write(8 * SECTOR, pattern(3, 1));
      const read = await store.read(7 * SECTOR, 5 * SECTOR);
      expect(read.subarray(0, SECTOR)).toEqual(new Uint8Array(SECTOR));
      expect(read.subarray(SECTOR, 4 * SECTOR)).toEqual(pattern(3, 1));
      expect(read.subarray(4 * SECTOR)).toEqual(new Uint8Array(SECTOR));
    });

    it('keeps what it said was written when it is opened again', async () => {
      const image = await make(16 * SECTOR);
      const first = await image.open();
      await first.write(0, pattern(16, 5));
      await first.close();
      const second = await image.open();
      onTestFinished(() => second.close());
      expect(await second.read(0, 16 * SECTOR)).toEqual(pattern(16, 5));
    });

    it('takes many writes at once', async () => {
      const store = await openStore(256 * SECTOR);
      const places = Array.from({ length: 256 }, (_, i) => i);
      await Promise.all(places.map((i) => store.write(i * SECTOR, pattern(1, i))));
      const all = await store.read(0, 256 * SECTOR);
      for (const i of places) {
        expect(all.subarray(i * SECTOR, (i + 1) * SECTOR)).toEqual(pattern(1, i));
      }
    });

    it('does not keep the buffers it was given or gave', async () => {
      const store = await openStore(4 * SECTOR);
      const data = pattern(1, 9);
      await store.write(0, data);
      data.fill(0);
      const read = await store.read(0, SECTOR);
      read.fill(1);
      expect(await store.read(0, SECTOR)).toEqual(pattern(1, 9));
    });

    it('rejects what reaches past the end, and changes nothing', async () => {
      const store = await openStore(4 * SECTOR);
      await expect(store.read(3 * SECTOR, 2 * SECTOR)).rejects.toThrow();
      await expect(store.write(3 * SECTOR, pattern(2, 1))).rejects.toThrow();
      await expect(store.read(-SECTOR, SECTOR)).rejects.toThrow();
      expect(await store.read(0, 4 * SECTOR)).toEqual(new Uint8Array(4 * SECTOR));
    });
  });
}
