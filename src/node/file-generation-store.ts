import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeGeneration, encodeGeneration, unknownHolder } from '../arbiter/generation-codec.js';
import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { GenerationStore } from '../host/generation-store.js';
import type { Generation } from '../units.js';
import { errnoOf } from './errno.js';
import { createExclusively, syncDirectory } from './exclusive-file.js';
import { GenerationFileError, StorageUnreachableError } from './generation-error.js';
import { StorageCalls } from './storage-calls.js';

export interface FileGenerationStoreOptions {
  /** No call is waited for longer. */
  readonly callMsMax?: number;
}

// Only where link(2) does not exist can a file be seen before its text; that lasts one write.
const READ_ATTEMPTS = 10;
const READ_PAUSE_MS = 30;

/**
 * The generations of a VM as files `generation-N.json` in a directory of the shared disk.
 *
 * Shape:  a file is created whole, exclusively, and never changed or removed.
 * Errors: storage that cannot be used is `unreachable`, never an exception, except from `read`
 *         (StorageUnreachableError). A file that is no record is a GenerationFileError for `latest`
 *         and `read`; for `claim` it is held by an unknown holder: the name exists, so it is taken.
 * Source: FT paper §2.3.
 */
export class FileGenerationStore implements GenerationStore {
  readonly #dir: string;
  readonly #calls: StorageCalls;
  /** Claims under way, by generation and replica. */
  readonly #claims = new Map<string, Promise<ClaimOutcome>>();

  /** `dir` has to exist: one made here, under a shared disk that is not mounted, would be our own. */
  constructor(dir: string, { callMsMax = 2_000 }: FileGenerationStoreOptions = {}) {
    this.#dir = dir;
    this.#calls = new StorageCalls(callMsMax);
  }

  /**
   * As promised by GenerationStore. A claim that was reported `unreachable` may still be carried
   * out, or have been; so whoever got that answer has to ask again, as the same replica with the
   * same record, until it knows. Then it hears of the attempt under way, however slow the storage.
   */
  claim(record: GenerationRecord): Promise<ClaimOutcome> {
    const key = `${record.generation} ${record.holder.replica}`;
    let attempt = this.#claims.get(key);
    if (attempt === undefined) {
      attempt = this.#calls
        .begin(() => this.#attempt(record))
        .finally(() => this.#claims.delete(key));
      this.#claims.set(key, attempt);
    }
    return orUnreachable(this.#calls.wait(attempt));
  }

  latest(): ReturnType<GenerationStore['latest']> {
    return orUnreachable(
      this.#calls.run(async () => {
        const names = await readdir(this.#dir);
        const newest = names.reduce((max, name) => Math.max(max, generationOf(name)), 0);
        if (newest === 0) return { kind: 'none' as const };
        const record = await readRecord(this.#pathOf(newest), newest);
        return { kind: 'found' as const, record };
      }),
    );
  }

  async read(generation: Generation): Promise<GenerationRecord | null> {
    try {
      return await this.#calls.run(async () => {
        try {
          return await readRecord(this.#pathOf(generation), generation);
        } catch (error) {
          if (errnoOf(error) !== 'ENOENT') throw error;
          // No such file is an answer only if the directory is there.
          await stat(this.#dir);
          return null;
        }
      });
    } catch (cause) {
      const why = whyUnreachable(cause);
      if (why === null || cause instanceof StorageUnreachableError) throw cause;
      throw new StorageUnreachableError(why, { cause });
    }
  }

  async #attempt(record: GenerationRecord): Promise<ClaimOutcome> {
    const path = this.#pathOf(record.generation);
    const outcome = await createExclusively(path, encodeGeneration(record));
    if (outcome === 'created') return { kind: 'won' };
    const holder = await holderOf(path, record.generation);
    if (holder.holder.replica !== record.holder.replica) return { kind: 'lost', holder };
    // Ours from an earlier attempt, which may have stopped short of making it durable.
    await syncDirectory(this.#dir);
    return { kind: 'won' };
  }

  #pathOf(generation: Generation): string {
    return join(this.#dir, `generation-${generation}.json`);
  }
}

/** The generation a file name stands for, or 0 for any other file. */
function generationOf(name: string): Generation {
  const [, digits] = /^generation-([1-9]\d{0,14})\.json$/.exec(name) ?? [];
  return digits === undefined ? 0 : Number(digits);
}

async function readRecord(path: string, generation: Generation): Promise<GenerationRecord> {
  let why = '';
  for (let attempt = 1; attempt <= READ_ATTEMPTS; attempt += 1) {
    if (attempt > 1) await sleep(READ_PAUSE_MS);
    const decoded = decodeGeneration(await readFile(path, 'utf8'));
    if (decoded.kind === 'invalid') why = decoded.why;
    else if (decoded.record.generation === generation) return decoded.record;
    else why = `it speaks of generation ${decoded.record.generation}`;
  }
  throw new GenerationFileError(path, why);
}

async function holderOf(path: string, generation: Generation): Promise<GenerationRecord> {
  try {
    return await readRecord(path, generation);
  } catch (error) {
    if (error instanceof GenerationFileError) return unknownHolder(generation);
    throw error;
  }
}

/** Turns what storage can fail with into an answer; anything else stays an error. */
async function orUnreachable<T>(
  answer: Promise<T>,
): Promise<T | { readonly kind: 'unreachable'; readonly why: string }> {
  try {
    return await answer;
  } catch (error) {
    const why = whyUnreachable(error);
    if (why === null) throw error;
    return { kind: 'unreachable', why };
  }
}

function whyUnreachable(error: unknown): string | null {
  if (error instanceof StorageUnreachableError) return error.message;
  if (!(error instanceof Error) || errnoOf(error) === '') return null;
  const isMissing = errnoOf(error) === 'ENOENT';
  return isMissing ? `${error.message} (is the shared disk mounted?)` : error.message;
}
