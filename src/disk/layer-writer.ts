import type { LayerFile } from '../host/layer-files.js';
import { encodeBatch, sectorBytes, type BatchWrite } from './layer-batch.js';
import type { LayerExtent } from './layer-scan.js';

/**
 * Writes batches to the end of a layer file.
 *
 * Shape:  one at a time. After a failure nobody knows what the file holds behind `bytes`, and another
 *         batch there could replace one that somebody has read: so it takes no more.
 * Errors: those of the file.
 */
export class LayerWriter {
  readonly #file: LayerFile;
  readonly #nonce: number;
  #bytes: number;
  #sequence = 0;
  #crc = 0;
  #isBroken = false;

  constructor(file: LayerFile, nonce: number, headBytes: number) {
    this.#file = file;
    this.#nonce = nonce;
    this.#bytes = headBytes;
  }

  /** How far the file is whole: what its next reader may rely on. */
  get bytes(): number {
    return this.#bytes;
  }
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Resolves when the batch is durable; with `sync: false`, the caller syncs before it says so. */
  async append(writes: readonly BatchWrite[], { sync } = { sync: true }): Promise<LayerExtent[]> {
    const place = { nonce: this.#nonce, sequence: this.#sequence + 1, crcBefore: this.#crc };
    const { bytes, header } = encodeBatch(writes, place);
    const at = this.#bytes;
    try {
      await this.#file.write(at, bytes);
      if (sync) await this.#file.sync();
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
    this.#bytes = at + bytes.length;
    this.#sequence += 1;
    this.#crc = header.crc;
    let fileSector = (at + header.headerBytes) / sectorBytes;
    return header.entries.map(({ sector, sectors }) => {
      const extent = { sector, sectors, fileSector };
      fileSector += sectors;
      return extent;
    });
  }
}
