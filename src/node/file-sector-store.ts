import { open, type FileHandle } from 'node:fs/promises';
import type { SectorStore } from '../host/sector-store.js';
import { DiskError, diskError, type DiskOperation } from './disk-error.js';
import { SharedSync } from './shared-sync.js';

const SECTOR_BYTES = 512;

/** What a guest sees of an image of that size: whole sectors, the last one filled up with zeros. */
export function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES;
}

export interface FileSectorStoreOptions {
  readonly path: string;
  /** For a CD-ROM: the file is not even opened for writing. */
  readonly isReadOnly?: boolean;
}

/**
 * A raw image in a file of the host; sparse images stay sparse.
 *
 * Units:  bytes; offsets beyond 4 GiB are fine (a double counts bytes exactly to 8 PiB).
 * Errors: DiskError, DiskFullError when there is no room.
 */
export class FileSectorStore implements SectorStore {
  readonly byteLength: number;
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #isReadOnly: boolean;
  readonly #sync: SharedSync;

  static async open(options: FileSectorStoreOptions): Promise<FileSectorStore> {
    const { path, isReadOnly = false } = options;
    const place = { operation: 'open', path, offsetBytes: null } as const;
    let file: FileHandle | null = null;
    try {
      file = await open(path, isReadOnly ? 'r' : 'r+');
      const found = await file.stat();
      if (!found.isFile()) throw new DiskError(place, 'it is no regular file');
      return new FileSectorStore(file, path, isReadOnly, found.size);
    } catch (cause) {
      await file?.close();
      throw cause instanceof DiskError ? cause : diskError(place, cause);
    }
  }

  private constructor(file: FileHandle, path: string, isReadOnly: boolean, fileBytes: number) {
    this.byteLength = wholeSectors(fileBytes);
    this.#file = file;
    this.#path = path;
    this.#isReadOnly = isReadOnly;
    this.#sync = new SharedSync(() => this.#file.datasync());
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    this.#checkRange('read', offsetBytes, lengthBytes);
    // Zeros to begin with: they are what lies between the end of the file and of its last sector.
    const data = new Uint8Array(lengthBytes);
    try {
      let done = 0;
      while (done < lengthBytes) {
        const at = offsetBytes + done;
        const { bytesRead } = await this.#file.read(data, done, lengthBytes - done, at);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (cause) {
      throw diskError({ operation: 'read', path: this.#path, offsetBytes }, cause);
    }
    return data;
  }

  async write(offsetBytes: number, data: Uint8Array): Promise<void> {
    this.#checkRange('write', offsetBytes, data.byteLength);
    const place = { operation: 'write', path: this.#path, offsetBytes } as const;
    if (this.#isReadOnly) throw new DiskError(place, 'the image is read only');
    try {
      await this.#sync.cover(() => this.#writeAll(offsetBytes, data));
    } catch (cause) {
      throw diskError(place, cause);
    }
  }

  /** Ends after the operations under way; later ones reject. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  async #writeAll(offsetBytes: number, data: Uint8Array): Promise<void> {
    let done = 0;
    while (done < data.byteLength) {
      const at = offsetBytes + done;
      const { bytesWritten } = await this.#file.write(data, done, data.byteLength - done, at);
      if (bytesWritten === 0) throw new Error('the file takes no more bytes');
      done += bytesWritten;
    }
  }

  #checkRange(operation: DiskOperation, offsetBytes: number, lengthBytes: number): void {
    const isInside =
      Number.isSafeInteger(offsetBytes) &&
      offsetBytes >= 0 &&
      offsetBytes + lengthBytes <= this.byteLength;
    if (isInside) return;
    const place = { operation, path: this.#path, offsetBytes };
    throw new DiskError(place, `${lengthBytes} bytes do not fit an image of ${this.byteLength}`);
  }
}
