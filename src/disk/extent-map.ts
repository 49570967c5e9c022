/**
 * Which file holds the newest content of each sector.
 *
 * Shape:  runs of sectors, each in one file; what no run covers is in the image. Kept in pieces of
 *         1 MiB of the disk, so that a change moves few of them.
 * Units:  sectors.
 */
export interface Extent<File> {
  readonly sector: number;
  readonly sectors: number;
  readonly file: File;
  /** Where the first one is in the file. */
  readonly fileSector: number;
}

/** A stretch of a range that was asked for; `file` is null where the image holds it. */
export type Stretch<File> = Omit<Extent<File>, 'file'> & { readonly file: File | null };

export class ExtentMap<File> {
  readonly #chunks = new Map<number, Extent<File>[]>();

  /** These sectors are now there. */
  set(extent: Extent<File>): void {
    for (const part of inChunks(extent)) {
      const before = this.#chunks.get(chunkOf(part.sector)) ?? [];
      const after: Extent<File>[] = [];
      let isPlaced = false;
      for (const old of before) {
        const [head, tail] = without(old, part);
        if (head) after.push(head);
        if (!isPlaced && old.sector + old.sectors > part.sector) {
          after.push(part);
          isPlaced = true;
        }
        if (tail) after.push(tail);
      }
      if (!isPlaced) after.push(part);
      this.#chunks.set(chunkOf(part.sector), after);
    }
  }

  /** The same content has moved: those parts of it that are still where `isMoved` says. */
  move(extent: Extent<File>, isMoved: (file: File) => boolean): void {
    for (const found of this.find(extent.sector, extent.sectors)) {
      if (found.file === null || !isMoved(found.file)) continue;
      const fileSector = extent.fileSector + found.sector - extent.sector;
      this.set({ sector: found.sector, sectors: found.sectors, file: extent.file, fileSector });
    }
  }

  /** Covers the whole range, in order. */
  find(sector: number, sectors: number): Stretch<File>[] {
    const found: Stretch<File>[] = [];
    const end = sector + sectors;
    let at = sector;
    const hole = (until: number): void => {
      if (until > at) found.push({ sector: at, sectors: until - at, file: null, fileSector: at });
      at = Math.max(at, until);
    };
    for (let chunk = chunkOf(sector); chunk <= chunkOf(end - 1); chunk += 1) {
      for (const extent of this.#chunks.get(chunk) ?? []) {
        const extentEnd = extent.sector + extent.sectors;
        if (extentEnd <= at || extent.sector >= end) continue;
        hole(extent.sector);
        const from = at;
        at = Math.min(extentEnd, end);
        const fileSector = extent.fileSector + from - extent.sector;
        found.push({ sector: from, sectors: at - from, file: extent.file, fileSector });
      }
    }
    hole(end);
    return found;
  }

  /** In order of sectors. */
  *all(): Generator<Extent<File>> {
    for (const chunk of [...this.#chunks.keys()].sort((a, b) => a - b)) {
      yield* this.#chunks.get(chunk) ?? [];
    }
  }

  clear(): void {
    this.#chunks.clear();
  }
}

const chunkSectors = 2048;

function chunkOf(sector: number): number {
  return Math.floor(sector / chunkSectors);
}

function* inChunks<File>(extent: Extent<File>): Generator<Extent<File>> {
  const end = extent.sector + extent.sectors;
  for (let at = extent.sector; at < end;) {
    const until = Math.min(end, (chunkOf(at) + 1) * chunkSectors);
    yield cut(extent, at, until);
    at = until;
  }
}

function cut<File>(extent: Extent<File>, from: number, until: number): Extent<File> {
  const fileSector = extent.fileSector + from - extent.sector;
  return { sector: from, sectors: until - from, file: extent.file, fileSector };
}

/** What is left of `old` in front of `hole` and behind it. */
function without<File>(
  old: Extent<File>,
  hole: { readonly sector: number; readonly sectors: number },
): [Extent<File> | null, Extent<File> | null] {
  const [oldEnd, holeEnd] = [old.sector + old.sectors, hole.sector + hole.sectors];
  const head =
    old.sector < hole.sector ? cut(old, old.sector, Math.min(oldEnd, hole.sector)) : null;
  const tail = oldEnd > holeEnd ? cut(old, Math.max(old.sector, holeEnd), oldEnd) : null;
  return [head, tail];
}
