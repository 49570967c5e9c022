import { webcrypto } from 'node:crypto';
import type { Digest } from '../host/digest.js';

/** Off the main thread, which has a guest to serve. */
export const nodeDigest: Digest = async (data) =>
  new Uint8Array(await webcrypto.subtle.digest('SHA-256', data));
