import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { PassThrough, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { errnoOf, reasonOf } from './errno.js';
import type { ImageFile } from './guest-image.js';
import { ImageFileError } from './image-error.js';
import { SparseWriter } from './sparse-file.js';

/** How far unpacking is, in bytes of the unpacked file. */
export type Unpacking = (doneBytes: number, totalBytes: number) => void;

const CHUNK_BYTES = 1024 * 1024;

/**
 * Unpacks a file of an image to `target`, sparse and durable, and checks it before and after
 * unpacking against its manifest.
 *
 * Errors: ImageFileError when it is missing or damaged; what goes wrong at `target` is left as the
 *         operating system's error.
 */
export async function unpackImageFile(
  file: ImageFile,
  target: string,
  unpacking: Unpacking = () => undefined,
): Promise<void> {
  const packed = new Tally(file.path, file.bytes);
  const unpacked = new Tally(file.path, file.uncompressedBytes);
  const output = await open(target, 'wx');
  try {
    const writer = new SparseWriter(output);
    await pipeline(
      createReadStream(file.path, { highWaterMark: CHUNK_BYTES }),
      (chunks: AsyncIterable<Buffer>) => packed.count(chunks),
      decompressor(file.path),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of unpacked.count(chunks)) {
          await writer.write(chunk);
          unpacking(unpacked.bytes, file.uncompressedBytes);
        }
      },
    );
    await writer.finish();
  } catch (cause) {
    throw sourceError(file.path, cause);
  } finally {
    await output.close();
  }
  packed.check(file.sha256);
  unpacked.check(file.uncompressedSha256);
}

/** Counts and hashes bytes on their way. */
class Tally {
  bytes = 0;
  readonly #hash = createHash('sha256');
  readonly #path: string;
  readonly #bytesExpected: number;

  constructor(path: string, bytesExpected: number) {
    this.#path = path;
    this.#bytesExpected = bytesExpected;
  }

  async *count(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.bytes += chunk.byteLength;
      // At once: a damaged file must not fill the disk before it is found out.
      if (this.bytes > this.#bytesExpected) this.#refuse('is longer than its image.json says');
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  check(sha256: string): void {
    if (this.bytes !== this.#bytesExpected) {
      this.#refuse(`has ${this.bytes} bytes, its image.json says ${this.#bytesExpected}`);
    }
    const found = this.#hash.digest('hex');
    if (found !== sha256) this.#refuse(`has sha256 ${found}, its image.json says ${sha256}`);
  }

  #refuse(why: string): never {
    throw new ImageFileError(this.#path, why);
  }
}

function decompressor(path: string): Transform {
  if (path.endsWith('.gz')) return createGunzip({ chunkSize: CHUNK_BYTES });
  if (path.endsWith('.br')) return createBrotliDecompress({ chunkSize: CHUNK_BYTES });
  return new PassThrough();
}

/** Errors of reading and of unpacking are about the image; others pass. */
function sourceError(path: string, cause: unknown): unknown {
  const isReading = cause instanceof Error && 'path' in cause && cause.path === path;
  if (isReading) return new ImageFileError(path, `cannot be read: ${reasonOf(cause)}`, { cause });
  if (/^(Z_|ERR_BROTLI|ERR__ERROR)/.test(errnoOf(cause))) {
    return new ImageFileError(path, `is damaged: ${reasonOf(cause)}`, { cause });
  }
  return cause;
}
