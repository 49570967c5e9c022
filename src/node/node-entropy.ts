import { randomBytes } from 'node:crypto';
import type { Entropy } from '../host/entropy.js';

/** Chance from the operating system. */
export class NodeEntropy implements Entropy {
  bytes(count: number): Uint8Array {
    return randomBytes(count);
  }
}
