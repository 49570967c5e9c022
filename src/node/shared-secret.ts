import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { FtvmError } from '../errors.js';
import { reasonOf } from './errno.js';

/** The file of `--secret-file` cannot serve as a secret. */
export class SecretFileError extends FtvmError {
  readonly code = 'FTVM_SECRET_FILE';
  readonly remedy =
    'Make one with: (umask 077; openssl rand -hex 32 > FILE), and copy it to each host by hand.';

  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`Cannot use --secret-file ${path}: ${why}`, options);
  }
}

const secretBytesMin = 16;
const secretBytesMax = 4096;

/** What all hosts of a VM know and nobody else: who can sign with it is one of ours. */
export class SharedSecret {
  readonly #key: Buffer;

  /** White space around it does not count: editors add a line end. */
  static async read(path: string): Promise<SharedSecret> {
    try {
      const { mode, size } = await stat(path);
      if ((mode & 0o077) !== 0) throw new SecretFileError(path, 'others may read it');
      if (size > secretBytesMax) throw new SecretFileError(path, 'it is too long for a secret');
      const text = (await readFile(path, 'latin1')).trim();
      if (text.length < secretBytesMin) {
        throw new SecretFileError(path, `it has fewer than ${secretBytesMin} characters`);
      }
      return new SharedSecret(Buffer.from(text, 'latin1'));
    } catch (cause) {
      if (cause instanceof SecretFileError) throw cause;
      throw new SecretFileError(path, reasonOf(cause), { cause });
    }
  }

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** The `Authorization` of one request: good for this nonce, method and path. */
  authorization(nonce: string, method: string, path: string): string {
    return `${SECRET_SCHEME} ${nonce}.${this.#sign(nonce, method, path).toString('hex')}`;
  }

  isSigned(nonce: string, method: string, path: string, mac: string): boolean {
    const [ours, theirs] = [this.#sign(nonce, method, path), Buffer.from(mac, 'hex')];
    return ours.byteLength === theirs.byteLength && timingSafeEqual(ours, theirs);
  }

  #sign(nonce: string, method: string, path: string): Buffer {
    const text = `ftvm-http.v1\n${method}\n${path}\n${nonce}`;
    return createHmac('sha256', this.#key).update(text).digest();
  }
}

export const SECRET_SCHEME = 'FTVM-HMAC';
/** Where a server hands out nonces. */
export const CHALLENGE_PATH = '/challenge';

/**
 * The nonces a server has handed out. Each is good for one request within a few seconds, so that what
 * was overheard cannot be sent again.
 */
export class Challenges {
  readonly #secret: SharedSecret;
  readonly #issuedAtMs = new Map<string, number>();

  constructor(secret: SharedSecret) {
    this.#secret = secret;
  }

  issue(nowMs: number): string {
    for (const [nonce, issuedAtMs] of this.#issuedAtMs) {
      // Oldest first: whoever asks for many takes them from each other, and no memory from us.
      const isFull = this.#issuedAtMs.size >= noncesMax;
      if (!isFull && nowMs - issuedAtMs <= nonceMsMax) break;
      this.#issuedAtMs.delete(nonce);
    }
    const nonce = randomBytes(16).toString('hex');
    this.#issuedAtMs.set(nonce, nowMs);
    return nonce;
  }

  accepts(authorization: string, method: string, path: string, nowMs: number): boolean {
    const [, nonce, mac] = /^FTVM-HMAC ([0-9a-f]{32})\.([0-9a-f]{64})$/.exec(authorization) ?? [];
    if (nonce === undefined || mac === undefined) return false;
    const issuedAtMs = this.#issuedAtMs.get(nonce);
    this.#issuedAtMs.delete(nonce);
    if (issuedAtMs === undefined || nowMs - issuedAtMs > nonceMsMax) return false;
    return this.#secret.isSigned(nonce, method, path, mac);
  }
}

const nonceMsMax = 10_000;
const noncesMax = 4096;
