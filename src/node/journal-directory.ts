import { mkdir, open, readdir, rm, stat, truncate, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FtvmError } from '../errors.js';
import type { JournalFile, JournalFileInfo, JournalFiles } from '../host/journal-files.js';
import { errnoOf, reasonOf } from './errno.js';
import { syncDirectory } from './exclusive-file.js';
import { lockDirectory } from './directory-lock.js';

/** The directory of a journal does not do what was asked. */
export class JournalStorageError extends FtvmError {
  readonly code = 'FTVM_JOURNAL_STORAGE';
  readonly remedy: string;

  constructor(what: string, path: string, cause: unknown) {
    super(`Cannot ${what} the journal in ${path}: ${reasonOf(cause)}`, { cause });
    this.remedy =
      errnoOf(cause) === 'ENOSPC'
        ? 'Free some space there, or lower --journal-size; then start it again: it goes on from the journal.'
        : 'Check the disk and the permissions there; then start it again: it goes on from the journal.';
  }
}

/**
 * A journal in a directory of this host, which one process has at a time.
 *
 * Errors: JournalStorageError; JournalInUseError from `open`.
 */
export class JournalDirectory implements JournalFiles {
  readonly place: string;
  readonly #unlock: () => Promise<void>;

  /** Creates the directory if it is not there. */
  static async open(dir: string): Promise<JournalDirectory> {
    const place = resolve(dir);
    const unlock = await attempt('open', place, async () => {
      await mkdir(place, { recursive: true });
      return lockDirectory(place);
    });
    return new JournalDirectory(place, unlock);
  }

  /** To look at only: whoever writes there goes on. */
  static toRead(dir: string): JournalFiles {
    return new JournalDirectory(resolve(dir), () => Promise.resolve());
  }

  private constructor(place: string, unlock: () => Promise<void>) {
    this.place = place;
    this.#unlock = unlock;
  }

  list(): Promise<readonly JournalFileInfo[]> {
    return attempt('read', this.place, async () => {
      const entries = await readdir(this.place, { withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      return Promise.all(
        files.map(async ({ name }) => ({ name, bytes: (await stat(join(this.place, name))).size })),
      );
    });
  }

  read(name: string, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    return attempt('read', this.place, async () => {
      const file = await open(join(this.place, name), 'r');
      try {
        const data = new Uint8Array(lengthBytes);
        let done = 0;
        while (done < lengthBytes) {
          const at = offsetBytes + done;
          const { bytesRead } = await file.read(data, done, lengthBytes - done, at);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return data.subarray(0, done);
      } finally {
        await file.close();
      }
    });
  }

  create(name: string): Promise<JournalFile> {
    return attempt('write', this.place, async () => {
      const file = await open(join(this.place, name), 'w');
      return new GrowingFile(this.place, file);
    });
  }

  truncate(name: string, bytes: number): Promise<void> {
    return attempt('write', this.place, async () => {
      await truncate(join(this.place, name), bytes);
      const file = await open(join(this.place, name), 'r+');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    });
  }

  remove(name: string): Promise<void> {
    return attempt('write', this.place, () => rm(join(this.place, name), { force: true }));
  }

  async close(): Promise<void> {
    await this.#unlock();
  }
}

class GrowingFile implements JournalFile {
  readonly #place: string;
  readonly #file: FileHandle;
  #isNameDurable = false;

  constructor(place: string, file: FileHandle) {
    this.#place = place;
    this.#file = file;
  }

  append(bytes: Uint8Array): Promise<void> {
    return attempt('write', this.#place, async () => {
      for (let done = 0; done < bytes.byteLength;) {
        done += (await this.#file.write(bytes, done)).bytesWritten;
      }
    });
  }

  sync(): Promise<void> {
    return attempt('write', this.#place, async () => {
      await this.#file.datasync();
      if (this.#isNameDurable) return;
      await syncDirectory(this.#place);
      this.#isNameDurable = true;
    });
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function attempt<T>(what: string, place: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof FtvmError) throw cause;
    throw new JournalStorageError(what, place, cause);
  }
}
