import { closeSync, existsSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { FtvmError } from '../errors.js';
import { errnoOf, reasonOf } from './errno.js';

/** The log of a run cannot be written any further; what was written is whole and replays. */
export class LogSinkError extends FtvmError {
  readonly code = 'FTVM_LOG_WRITE';
  readonly remedy: string;

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot write the log to ${path}: ${reasonOf(options?.cause)}`, options);
    this.remedy =
      errnoOf(options?.cause) === 'ENOSPC'
        ? 'Free some space, or record to another disk.'
        : 'Name a file this user may write, in a directory that exists.';
  }
}

/**
 * Appends bytes to a new file, a few at a time: a process that is killed loses the last of them and
 * nothing before.
 *
 * Errors: LogSinkError, from any call.
 */
export class LogSink {
  readonly #path: string;
  readonly #file: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Of a write that nobody was there to hear of. */
  #failure: Error | null = null;

  /** Whether it could be written, before anything is made for its sake; what is there stays as it is. */
  static check(path: string): void {
    attempt(path, () => {
      const isThere = existsSync(path);
      closeSync(openSync(path, 'a'));
      if (!isThere) unlinkSync(path);
    });
  }

  constructor(path: string) {
    this.#path = path;
    this.#file = attempt(path, () => openSync(path, 'w'));
  }

  write(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    if (this.#failure !== null) throw this.#failure;
    if (this.#waitingBytes >= flushBytes) this.flush();
    // An idle guest fills no buffer, and what it did last is what its log is read for.
    else this.#timer ??= setTimeout(() => this.#flushUnheard(), flushMs);
  }

  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    attempt(this.#path, () => {
      for (let done = 0; done < bytes.byteLength;) done += writeSync(this.#file, bytes, done);
    });
  }

  close(): void {
    try {
      this.flush();
      attempt(this.#path, () => fsyncSync(this.#file));
    } finally {
      closeSync(this.#file);
    }
  }

  #flushUnheard(): void {
    try {
      this.flush();
    } catch (error) {
      this.#failure = error as Error;
    }
  }
}

function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new LogSinkError(path, { cause });
  }
}

const flushBytes = 64 * 1024;
const flushMs = 100;
