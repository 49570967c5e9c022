import { mkdir, open, readdir, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DriveName } from '../guest/disk-request.js';
import type { LayerFile, LayerFiles } from '../host/layer-files.js';
import { diskError, type DiskOperation } from './disk-error.js';
import { errnoOf } from './errno.js';
import { createExclusively, syncDirectory } from './exclusive-file.js';

/** Where the layers of a drive are, in a VM directory. */
export function layersDirOf(vmDir: string, drive: DriveName): string {
  return join(vmDir, 'disk', `${drive}.layers`);
}

/**
 * Layer files in a directory of the shared disk, which is made when the first of them is.
 *
 * Errors: DiskError, DiskFullError when there is no room.
 */
export class FileLayerFiles implements LayerFiles {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async names(): Promise<string[]> {
    try {
      const names = await readdir(this.#dir);
      // The draft of a file that is being made is none yet.
      return names.filter((name) => !name.startsWith('.'));
    } catch (cause) {
      // No layers is an answer only if the disk is there.
      if (errnoOf(cause) !== 'ENOENT' || !(await exists(dirname(this.#dir)))) {
        throw diskError({ operation: 'open', path: this.#dir, offsetBytes: null }, cause);
      }
      return [];
    }
  }

  async create(name: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    const path = join(this.#dir, name);
    try {
      await this.#makeDirectory();
      return await createExclusively(path, bytes);
    } catch (cause) {
      throw diskError({ operation: 'write', path, offsetBytes: 0 }, cause);
    }
  }

  async open(name: string): Promise<LayerFile> {
    const path = join(this.#dir, name);
    try {
      return new OpenLayerFile(await open(path, 'r+'), path);
    } catch (cause) {
      throw diskError({ operation: 'open', path, offsetBytes: null }, cause);
    }
  }

  async remove(name: string): Promise<void> {
    const path = join(this.#dir, name);
    try {
      await unlink(path);
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') return;
      throw diskError({ operation: 'write', path, offsetBytes: null }, cause);
    }
  }

  /** Not those above it: one made under a shared disk that is not mounted would be our own. */
  async #makeDirectory(): Promise<void> {
    try {
      await mkdir(this.#dir);
      await syncDirectory(dirname(this.#dir));
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }
}

async function exists(dir: string): Promise<boolean> {
  return readdir(dir).then(
    () => true,
    () => false,
  );
}

class OpenLayerFile implements LayerFile {
  readonly #file: FileHandle;
  readonly #path: string;

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    try {
      const data = new Uint8Array(await this.#bytesAt(offsetBytes, lengthBytes));
      let done = 0;
      while (done < data.byteLength) {
        const at = offsetBytes + done;
        const { bytesRead } = await this.#file.read(data, done, data.byteLength - done, at);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return data.subarray(0, done);
    } catch (cause) {
      throw this.#error('read', offsetBytes, cause);
    }
  }

  /** How much of that the file can have: a damaged length must not claim the memory. */
  async #bytesAt(offsetBytes: number, lengthBytes: number): Promise<number> {
    if (lengthBytes <= trustedBytes) return lengthBytes;
    const { size } = await this.#file.stat();
    return Math.min(lengthBytes, Math.max(0, size - offsetBytes));
  }

  async write(offsetBytes: number, data: Uint8Array): Promise<void> {
    try {
      let done = 0;
      while (done < data.byteLength) {
        const at = offsetBytes + done;
        const { bytesWritten } = await this.#file.write(data, done, data.byteLength - done, at);
        if (bytesWritten === 0) throw new Error('the file takes no more bytes');
        done += bytesWritten;
      }
    } catch (cause) {
      throw this.#error('write', offsetBytes, cause);
    }
  }

  async sync(): Promise<void> {
    try {
      await this.#file.datasync();
    } catch (cause) {
      throw this.#error('sync', null, cause);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #error(operation: DiskOperation, offsetBytes: number | null, cause: unknown): Error {
    return diskError({ operation, path: this.#path, offsetBytes }, cause);
  }
}

// Less than a guest writes at once is not worth a look at the file's size.
const trustedBytes = 4 * 1024 * 1024;
