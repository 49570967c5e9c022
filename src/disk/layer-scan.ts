import type { LayerFile } from '../host/layer-files.js';
import { crc32 } from '../log/crc32.js';
import type { Extent } from './extent-map.js';
import { hasLaterBatch } from './batch-search.js';
import {
  batchHeaderBytesMax,
  decodeBatchHeader,
  sectorBytes,
  type BatchHeader,
  type BatchPlace,
} from './layer-batch.js';
import { LayerCorruptError } from './layer-error.js';
import { decodeLayerHead, headBytesMax, type LayerHead } from './layer-head.js';

/** A run of sectors in a layer file. */
export type LayerExtent = Omit<Extent<never>, 'file'>;

/**
 * What a layer file says, read once from its start and then on from where it ended: so a backup reads
 * ahead, and has little left to read when it goes live.
 *
 * Shape:  `extents` in the order they were written; `bytes` is how far the file is known to be whole.
 * Errors: LayerCorruptError if it is no layer, is damaged before its end, or is a sealed one that is
 *         not whole to its length.
 */
export class LayerScan {
  readonly head: LayerHead;
  readonly name: string;
  readonly extents: LayerExtent[] = [];
  file: LayerFile;
  #bytes: number;
  #sequence = 0;
  #crc = 0;

  static async begin(name: string, file: LayerFile): Promise<LayerScan> {
    const { head, headBytes } = decodeLayerHead(name, await file.read(0, headBytesMax));
    return new LayerScan(name, file, head, headBytes);
  }

  private constructor(name: string, file: LayerFile, head: LayerHead, headBytes: number) {
    this.name = name;
    this.file = file;
    this.head = head;
    this.#bytes = headBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes in what is whole by now. Its last batch is checked to the last byte: it may be torn. */
  async advance(): Promise<void> {
    let unsure: BatchHeader | null = null;
    const window = new Window(this.file);
    for (let at = this.#bytes; ;) {
      const bytes = await window.read(at, batchHeaderBytesMax);
      const place = this.#next(unsure);
      const header = decodeBatchHeader(bytes, place) ?? (await this.#missed(at, place, bytes));
      if (!header) break;
      // It was begun when the one before was durable.
      if (unsure) this.#take(unsure);
      unsure = header;
      at += header.headerBytes + header.dataBytes;
    }
    if (!unsure) return;
    const data = await this.file.read(this.#bytes + unsure.headerBytes, unsure.dataBytes);
    if (data.length === unsure.dataBytes && crc32(data) === unsure.dataCrc) this.#take(unsure);
  }

  /** Takes in exactly the first `bytes` of the file, which are final. */
  async advanceTo(bytes: number): Promise<void> {
    const window = new Window(this.file);
    while (this.#bytes < bytes) {
      const header = decodeBatchHeader(
        await window.read(this.#bytes, batchHeaderBytesMax),
        this.#next(null),
      );
      if (!header) {
        throw new LayerCorruptError(
          this.name,
          `it is whole to byte ${this.#bytes} only, and ${bytes} bytes of it are needed`,
        );
      }
      this.#take(header);
    }
    if (this.#bytes > bytes) {
      const why = `it was taken for whole to byte ${this.#bytes}, and ends at ${bytes}`;
      throw new LayerCorruptError(this.name, why);
    }
  }

  /** What stands at `at` is no batch of that place: torn, or nothing yet, if no later one follows. */
  async #missed(at: number, place: BatchPlace, bytes: Uint8Array): Promise<BatchHeader | null> {
    if (bytes.length === 0 || !(await hasLaterBatch(this.file, at, place))) return null;
    // Its writer may have gone on since we looked.
    const header = decodeBatchHeader(await this.file.read(at, batchHeaderBytesMax), place);
    if (header) return header;
    const why = `it is damaged at byte ${at}, and there are later writes in it`;
    throw new LayerCorruptError(this.name, why);
  }

  #next(before: BatchHeader | null): BatchPlace {
    return {
      nonce: this.head.nonce,
      sequence: this.#sequence + (before ? 2 : 1),
      crcBefore: before ? before.crc : this.#crc,
    };
  }

  #take(header: BatchHeader): void {
    let fileSector = (this.#bytes + header.headerBytes) / sectorBytes;
    for (const { sector, sectors } of header.entries) {
      this.extents.push({ sector, sectors, fileSector });
      fileSector += sectors;
    }
    this.#bytes += header.headerBytes + header.dataBytes;
    this.#sequence += 1;
    this.#crc = header.crc;
  }
}

/** Headers stand close together after small writes and far apart after large ones: reads ahead. */
class Window {
  readonly #file: LayerFile;
  #at = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(file: LayerFile) {
    this.#file = file;
  }

  async read(at: number, lengthBytes: number): Promise<Uint8Array> {
    const from = at - this.#at;
    if (from < 0 || from + lengthBytes > this.#bytes.length) {
      const isFar = from > this.#bytes.length + windowBytes;
      this.#bytes = await this.#file.read(at, isFar ? lengthBytes : windowBytes);
      this.#at = at;
      return this.#bytes.subarray(0, lengthBytes);
    }
    return this.#bytes.subarray(from, from + lengthBytes);
  }
}

const windowBytes = 256 * 1024;
