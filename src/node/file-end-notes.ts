import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endNoteOf, type EndNote } from '../arbiter/end-note.js';
import type { EndNotes } from '../host/end-notes.js';
import type { Generation } from '../units.js';

/** `ended-N.json` beside the generation files. */
export class FileEndNotes implements EndNotes {
  readonly #dir: string;

  constructor(generationsDir: string) {
    this.#dir = generationsDir;
  }

  async write(generation: Generation, note: EndNote): Promise<void> {
    const text = `${JSON.stringify({ generation, ...note })}\n`;
    await writeFile(this.#pathOf(generation), text).catch(() => undefined);
  }

  async read(generation: Generation): Promise<EndNote | null> {
    try {
      return endNoteOf(JSON.parse(await readFile(this.#pathOf(generation), 'utf8')));
    } catch {
      return null;
    }
  }

  #pathOf(generation: Generation): string {
    return join(this.#dir, `ended-${generation}.json`);
  }
}
