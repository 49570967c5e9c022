import { requestRange, type DiskWrite, type DriveName } from '../guest/disk-request.js';
import { overlap } from './disk-overlap.js';

/** A stretch of a drive that two replicas compare. */
export interface DiskChunk {
  readonly drive: DriveName;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Compared, and sent if different, as one. */
export const chunkBytesMax = 256 * 1024;
/** Stretches compared at once: hides the way there and back, and bounds what is on it. */
export const chunksAtOnce = 4;

/**
 * Brings the disk of a new backup up to its primary's while the guest runs on both: only stretches whose
 * digests differ travel.
 *
 * Shape:  each chunk is `next` → `asked` → `answered`. From `asked` on, what our guest writes into the
 *         chunk is kept: the answer may hold it already or not, and writing it again, in order, behind
 *         the answer is right in both cases. What the guest wrote before, the answer holds, because the
 *         primary does not compare before it has run as far as we had.
 * Source: FT paper §4.1 (disks "must be explicitly synced up" when a backup joins).
 */
export class DiskResync {
  readonly #chunks: readonly DiskChunk[];
  #taken = 0;
  readonly #open = new Map<string, { readonly chunk: DiskChunk; written: DiskWrite[] | null }>();
  readonly totalBytes: number;
  #comparedBytes = 0;
  #differentBytes = 0;

  constructor(
    drives: readonly { readonly name: DriveName; readonly bytes: number }[],
    chunkBytes = chunkBytesMax,
  ) {
    this.#chunks = drives.flatMap((drive) => chunksOf(drive, chunkBytes));
    this.totalBytes = drives.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Takes chunks to read and to make digests of. */
  next(): DiskChunk[] {
    const chunks = this.#chunks.slice(this.#taken, this.#taken + chunksAtOnce - this.#open.size);
    this.#taken += chunks.length;
    for (const chunk of chunks) this.#open.set(nameOf(chunk), { chunk, written: null });
    return chunks;
  }

  /** The primary is asked about the chunk now. */
  asked(chunk: DiskChunk): void {
    const entry = this.#open.get(nameOf(chunk));
    if (entry) entry.written = [];
  }

  /** Our guest writes. */
  issued(write: DiskWrite): void {
    for (const { chunk, written } of this.#open.values()) {
      if (written && overlap({ ...chunk, kind: 'diskRead', id: 0 }, write)) written.push(write);
    }
  }

  /**
   * The primary's answer, no data if there is no difference: what to write, in this order. Null if it
   * answers what was not asked.
   */
  answered(at: Omit<DiskChunk, 'lengthBytes'>, data: Uint8Array): Omit<DiskWrite, 'id'>[] | null {
    const name = nameOf(at);
    const entry = this.#open.get(name);
    if (!entry?.written) return null;
    const { chunk, written } = entry;
    if (data.byteLength !== 0 && data.byteLength !== chunk.lengthBytes) return null;
    this.#open.delete(name);
    this.#comparedBytes += chunk.lengthBytes;
    if (data.byteLength === 0) return [];
    this.#differentBytes += chunk.lengthBytes;
    const { drive, offsetBytes } = chunk;
    return [
      { kind: 'diskWrite', drive, offsetBytes, data },
      ...written.map((write) => within(write, chunk)),
    ];
  }

  /** Everything has been compared. */
  get isDone(): boolean {
    return this.#taken === this.#chunks.length && this.#open.size === 0;
  }
  get comparedBytes(): number {
    return this.#comparedBytes;
  }
  /** What had to be sent. */
  get differentBytes(): number {
    return this.#differentBytes;
  }
}

function chunksOf(
  drive: { readonly name: DriveName; readonly bytes: number },
  chunkBytes: number,
): DiskChunk[] {
  return Array.from({ length: Math.ceil(drive.bytes / chunkBytes) }, (_, n) => {
    const offsetBytes = n * chunkBytes;
    const lengthBytes = Math.min(chunkBytes, drive.bytes - offsetBytes);
    return { drive: drive.name, offsetBytes, lengthBytes };
  });
}

/** Only that part of a write: what it wrote elsewhere, later writes may have changed since. */
function within(write: DiskWrite, chunk: DiskChunk): DiskWrite {
  const { start, end } = requestRange(write);
  const from = Math.max(start, chunk.offsetBytes);
  const to = Math.min(end, chunk.offsetBytes + chunk.lengthBytes);
  return { ...write, offsetBytes: from, data: write.data.subarray(from - start, to - start) };
}

function nameOf({ drive, offsetBytes }: Omit<DiskChunk, 'lengthBytes'>): string {
  return `${drive}:${offsetBytes}`;
}
