import type { FileHandle } from 'node:fs/promises';

// The block size of the file systems we know; a hole is never smaller.
const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/** Writes a file from start to end and leaves out blocks of zeros, so that they take no room. */
export class SparseWriter {
  readonly #file: FileHandle;
  #bytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(chunk: Buffer): Promise<void> {
    let dataFrom: number | null = null;
    for (let at = 0; at < chunk.byteLength; at += BLOCK_BYTES) {
      const block = chunk.subarray(at, at + BLOCK_BYTES);
      const isHole = block.equals(ZEROS.subarray(0, block.byteLength));
      if (!isHole) dataFrom ??= at;
      else if (dataFrom !== null) {
        await this.#writeAt(chunk.subarray(dataFrom, at), this.#bytes + dataFrom);
        dataFrom = null;
      }
    }
    if (dataFrom !== null) await this.#writeAt(chunk.subarray(dataFrom), this.#bytes + dataFrom);
    this.#bytes += chunk.byteLength;
  }

  /** Gives the file its length, whatever it ends with, and makes it durable. */
  async finish(): Promise<void> {
    await this.#file.truncate(this.#bytes);
    await this.#file.sync();
  }

  async #writeAt(data: Buffer, at: number): Promise<void> {
    for (let done = 0; done < data.byteLength;) {
      const { bytesWritten } = await this.#file.write(
        data,
        done,
        data.byteLength - done,
        at + done,
      );
      done += bytesWritten;
    }
  }
}
