import { expect, it } from 'vitest';
import { ExtentMap } from '../../src/disk/extent-map.js';
import { Prng } from '../../src/sim/prng.js';

/** Five chunks of the map. */
const size = 5 * 2048;

it('finds what was set last, as a list of all sectors would', () => {
  const prng = new Prng(1, 'extents');
  const map = new ExtentMap<string>();
  const list: (readonly [string, number] | null)[] = Array.from({ length: size }, () => null);
  for (let i = 0; i < 3000; i += 1) {
    const sector = prng.whole(0, size - 1);
    const sectors = Math.min(prng.pick([1, 2, 8, 300, 3000]), size - sector);
    const file = prng.pick(['a', 'b', 'c']);
    const fileSector = i * 10_000;
    if (i % 7 === 0) {
      map.move({ sector, sectors, file: 'moved', fileSector }, (each) => each === file);
      for (let at = sector; at < sector + sectors; at += 1) {
        if (list[at]?.[0] === file) list[at] = ['moved', fileSector + at - sector];
      }
    } else {
      map.set({ sector, sectors, file, fileSector });
      for (let at = 0; at < sectors; at += 1) list[sector + at] = [file, fileSector + at];
    }
    const from = prng.whole(0, size - 1);
    const until = Math.min(size, from + prng.whole(1, 4000));
    let at = from;
    for (const found of map.find(from, until - from)) {
      expect(found.sector).toBe(at);
      const first = list[at] ?? [null, at];
      expect([found.file, found.fileSector]).toEqual(first);
      const last = list[at + found.sectors - 1] ?? [null, at + found.sectors - 1];
      expect([found.file, found.fileSector + found.sectors - 1]).toEqual(last);
      at += found.sectors;
    }
    expect(at).toBe(until);
  }
  let before = -1;
  for (const { sector, sectors } of map.all()) {
    expect(sector).toBeGreaterThan(before);
    before = sector + sectors - 1;
  }
});
