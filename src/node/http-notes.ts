import { endNoteOf, type EndNote } from '../arbiter/end-note.js';
import { decodeIdentities } from '../arbiter/generation-codec.js';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { EndNotes } from '../host/end-notes.js';
import type { Roster } from '../host/roster.js';
import type { Generation } from '../units.js';
import { ArbiterClient, type ArbiterClientOptions } from './arbiter-client.js';

/** The end notes of a VM at an arbiter. */
export class HttpEndNotes implements EndNotes {
  readonly #arbiter: ArbiterClient;

  constructor(options: ArbiterClientOptions) {
    this.#arbiter = new ArbiterClient(options);
  }

  async write(generation: Generation, note: EndNote): Promise<void> {
    await this.#arbiter.ask('POST', `ends/${generation}`, note);
  }
  async read(generation: Generation): Promise<EndNote | null> {
    const answer = await this.#arbiter.ask('GET', `ends/${generation}`);
    return 'why' in answer ? null : endNoteOf(answer.fields);
  }
}

/** Who was in sync, as an arbiter was told. */
export class HttpRoster implements Roster {
  readonly #arbiter: ArbiterClient;
  /** One at a time: the last word has to be the last one written. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: ArbiterClientOptions) {
    this.#arbiter = new ArbiterClient(options);
  }

  async write(generation: Generation, inSync: readonly ReplicaIdentity[]): Promise<void> {
    this.#writing = this.#writing.then(() =>
      this.#arbiter.ask('POST', `roster/${generation}`, { inSync }),
    );
    await this.#writing;
  }
  async read(generation: Generation): Promise<readonly ReplicaIdentity[]> {
    const answer = await this.#arbiter.ask('GET', `roster/${generation}`);
    if ('why' in answer) return [];
    try {
      return decodeIdentities('inSync', answer.fields.inSync);
    } catch {
      return [];
    }
  }
}
