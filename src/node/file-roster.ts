import { randomUUID } from 'node:crypto';
import { readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeIdentities } from '../arbiter/generation-codec.js';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { Roster } from '../host/roster.js';
import type { Generation } from '../units.js';

/**
 * `roster.json` beside the generation files: one file, replaced as a whole, about the latest generation
 * that anybody wrote about.
 */
export class FileRoster implements Roster {
  readonly #path: string;
  /** One at a time: the last word has to be the last one written. */
  #writing: Promise<void> = Promise.resolve();

  constructor(generationsDir: string) {
    this.#path = join(generationsDir, 'roster.json');
  }

  write(generation: Generation, inSync: readonly ReplicaIdentity[]): Promise<void> {
    const text = `${JSON.stringify({ generation, inSync }, null, 2)}\n`;
    this.#writing = this.#writing.then(() => this.#replace(text).catch(() => undefined));
    return this.#writing;
  }

  async read(generation: Generation): Promise<readonly ReplicaIdentity[]> {
    try {
      const value = JSON.parse(await readFile(this.#path, 'utf8')) as Record<string, unknown>;
      return value['generation'] === generation ? decodeIdentities('inSync', value['inSync']) : [];
    } catch {
      return [];
    }
  }

  async #replace(text: string): Promise<void> {
    const draft = `${this.#path}.draft-${randomUUID()}`;
    try {
      await writeFile(draft, text);
      await rename(draft, this.#path);
    } catch (error) {
      await unlink(draft).catch(() => undefined);
      throw error;
    }
  }
}
