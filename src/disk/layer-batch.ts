import { crc32 } from '../log/crc32.js';

/**
 * What a layer file holds after its head: batches, each written and made durable before the next.
 *
 * ```
 * 0      4        8       12         16         20         24        28
 * │ FLB1 │ CRC-32 │ nonce │ sequence │ CRC-32   │ CRC-32   │ entries │ 0 │ entry … │ data of each entry …
 *        │ of the │       │ from 1   │ of the   │ of the   │         │   │ 8 bytes │ from a multiple of 512
 *        │ rest   │       │          │ one      │ data     │
 *        │ of the │       │          │ before   │
 *        │ header │
 * entry: sector (48 bits), sectors (16 bits)
 * ```
 * A batch that has another one behind it is whole, because that one was begun when this was durable.
 * Of the last one the data has to be checked: it may be torn, and then it was never acknowledged.
 *
 * Units:  sectors of 512 bytes.
 */
export interface BatchEntry {
  readonly sector: number;
  readonly sectors: number;
}

export interface BatchHeader {
  readonly entries: readonly BatchEntry[];
  readonly headerBytes: number;
  readonly dataBytes: number;
  readonly dataCrc: number;
  /** What the next batch has to name. */
  readonly crc: number;
}

/** Where in its file a batch stands. */
export interface BatchPlace {
  readonly nonce: number;
  readonly sequence: number;
  /** Of the batch before; 0 for the first. */
  readonly crcBefore: number;
}

export const sectorBytes = 512;
const magic = 0x464c4231;
const fixedBytes = 32;
const entryBytes = 8;
/** A header is at most 4 KiB, so that it is read in one go. */
export const batchHeaderBytesMax = 4096;
export const batchEntriesMax = (batchHeaderBytesMax - fixedBytes) / entryBytes;
export const entrySectorsMax = 0xffff;

export interface BatchWrite {
  readonly sector: number;
  readonly data: Uint8Array;
}

/** Whole sectors only, at most `entrySectorsMax` for each write. */
export function encodeBatch(
  writes: readonly BatchWrite[],
  place: BatchPlace,
): { readonly bytes: Uint8Array; readonly header: BatchHeader } {
  const entries = writes.map(({ sector, data }) => ({
    sector,
    sectors: data.length / sectorBytes,
  }));
  const headerBytes = roundUp(fixedBytes + entries.length * entryBytes);
  const dataBytes = writes.reduce((sum, { data }) => sum + data.length, 0);
  const bytes = new Uint8Array(headerBytes + dataBytes);
  let at = headerBytes;
  for (const { data } of writes) {
    bytes.set(data, at);
    at += data.length;
  }
  const dataCrc = crc32(bytes.subarray(headerBytes));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic);
  view.setUint32(8, place.nonce);
  view.setUint32(12, place.sequence);
  view.setUint32(16, place.crcBefore);
  view.setUint32(20, dataCrc);
  view.setUint32(24, entries.length);
  entries.forEach(({ sector, sectors }, i) => {
    view.setUint32(fixedBytes + i * entryBytes, Math.floor(sector / 2 ** 16));
    view.setUint16(fixedBytes + i * entryBytes + 4, sector % 2 ** 16);
    view.setUint16(fixedBytes + i * entryBytes + 6, sectors);
  });
  const crc = crc32(bytes.subarray(8, headerBytes));
  view.setUint32(4, crc);
  return { bytes, header: { entries, headerBytes, dataBytes, dataCrc, crc } };
}

/** Null: there is no batch of that place here, or not all of its header. */
export function decodeBatchHeader(bytes: Uint8Array, place: BatchPlace): BatchHeader | null {
  const found = readHeader(bytes, place.nonce);
  if (found?.sequence !== place.sequence || found.crcBefore !== place.crcBefore) return null;
  const { headerBytes, crc, view } = found;
  const entries = Array.from({ length: view.getUint32(24) }, (_, i) => ({
    sector:
      view.getUint32(fixedBytes + i * entryBytes) * 2 ** 16 +
      view.getUint16(fixedBytes + i * entryBytes + 4),
    sectors: view.getUint16(fixedBytes + i * entryBytes + 6),
  }));
  const dataBytes = entries.reduce((sum, { sectors }) => sum + sectors * sectorBytes, 0);
  return { entries, headerBytes, dataBytes, dataCrc: view.getUint32(20), crc };
}

/** Here is a batch of that file, with its whole header, that was written after the one of `place`. */
export function isBatchAfter(bytes: Uint8Array, { nonce, sequence }: BatchPlace): boolean {
  const found = readHeader(bytes, nonce);
  return found !== null && found.sequence > sequence;
}

interface FoundHeader extends Omit<BatchPlace, 'nonce'> {
  readonly headerBytes: number;
  readonly crc: number;
  readonly view: DataView;
}

/** Null: no header of that file stands here, or not all of it. */
function readHeader(bytes: Uint8Array, nonce: number): FoundHeader | null {
  if (bytes.length < fixedBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0) !== magic || view.getUint32(8) !== nonce) return null;
  const count = view.getUint32(24);
  if (count > batchEntriesMax) return null;
  const headerBytes = roundUp(fixedBytes + count * entryBytes);
  if (headerBytes > bytes.length) return null;
  const crc = crc32(bytes.subarray(8, headerBytes));
  if (crc !== view.getUint32(4)) return null;
  return { sequence: view.getUint32(12), crcBefore: view.getUint32(16), headerBytes, crc, view };
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes;
}
