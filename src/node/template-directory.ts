import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { errnoOf } from './errno.js';

// Each is the size of a small guest's memory in use.
const filesMax = 8;
const bytesMaxDefault = 1024 * 2 ** 20;
const suffix = '.template';
// Of a process that died while it wrote.
const draftAgeMsMax = 60 * 60 * 1000;

/** Where this user's programs keep what can be made again (XDG Base Directory Specification). */
export function templateDirectoryOf(env: NodeJS.ProcessEnv): string {
  const named = env['XDG_CACHE_HOME'];
  const cache = named !== undefined && isAbsolute(named) ? named : join(homedir(), '.cache');
  return join(cache, 'ftvm', 'templates');
}

/**
 * Boot templates in files of this user, the least recently used going first when there are too many.
 *
 * Shape:  a file is whole or not there: it is written beside its name, and renamed.
 * Errors: those of the file system; a file that somebody else can write is an error too.
 */
export class TemplateDirectory {
  readonly place: string;
  readonly #bytesMax: number;

  constructor(place: string, bytesMax = bytesMaxDefault) {
    this.place = place;
    this.#bytesMax = bytesMax;
  }

  /** Null if there is none of that name. */
  async read(name: string): Promise<Uint8Array | null> {
    const path = this.#pathOf(name);
    try {
      const { uid, mode } = await stat(path);
      const us = process.getuid?.();
      if (us !== undefined && (uid !== us || (mode & 0o022) !== 0)) {
        throw new Error(`${path} can be written by somebody else`);
      }
      const bytes = await readFile(path);
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined);
      return bytes;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await mkdir(this.place, { recursive: true, mode: 0o700 });
    const draft = join(this.place, `.${randomUUID()}.draft`);
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, this.#pathOf(name));
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    await this.#tidyUp();
  }

  async #tidyUp(): Promise<void> {
    const files: { path: string; bytes: number; usedAtMs: number }[] = [];
    for (const name of await readdir(this.place)) {
      const path = join(this.place, name);
      const found = await stat(path).catch(() => null);
      if (!found) continue;
      const { size: bytes, mtimeMs: usedAtMs } = found;
      if (name.endsWith(suffix)) files.push({ path, bytes, usedAtMs });
      else if (name.endsWith('.draft') && Date.now() - usedAtMs > draftAgeMsMax) await rm(path);
    }
    files.sort((a, b) => b.usedAtMs - a.usedAtMs);
    let keptBytes = 0;
    for (const [i, { path, bytes }] of files.entries()) {
      keptBytes += bytes;
      // The newest stays, whatever its size: it was just made to be used.
      if (i > 0 && (i >= filesMax || keptBytes > this.#bytesMax)) await rm(path, { force: true });
    }
  }

  #pathOf(name: string): string {
    return join(this.place, `${name}${suffix}`);
  }
}
