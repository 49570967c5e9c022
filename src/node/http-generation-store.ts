import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import { generationOf } from '../arbiter/generation-codec.js';
import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { GenerationStore } from '../host/generation-store.js';
import type { Generation } from '../units.js';
import { ArbiterClient, type ArbiterClientOptions } from './arbiter-client.js';
import { ArbiterUnreachableError } from './generation-error.js';

/**
 * The generations of a VM at an arbiter.
 *
 * Shape:  a claim that was not answered may have been carried out: whoever is told `unreachable` asks
 *         again with the same record, and then hears that it has won.
 * Errors: `read` rejects with ArbiterUnreachableError; the others answer `unreachable`.
 */
export class HttpGenerationStore implements GenerationStore {
  readonly #arbiter: ArbiterClient;

  constructor(options: ArbiterClientOptions) {
    this.#arbiter = new ArbiterClient(options);
  }

  async claim(record: GenerationRecord): Promise<ClaimOutcome> {
    const answer = await this.#arbiter.ask('POST', 'generations', record);
    if ('why' in answer) return { kind: 'unreachable', why: answer.why };
    if (answer.fields.kind === 'won') return { kind: 'won' };
    const holder = answer.fields.kind === 'lost' ? recordIn(answer.fields.holder) : null;
    if (holder) return { kind: 'lost', holder };
    return { kind: 'unreachable', why: this.#arbiter.words(answer.fields.why) };
  }

  async latest(): ReturnType<GenerationStore['latest']> {
    const answer = await this.#arbiter.ask('GET', 'generations/latest');
    if ('why' in answer) return { kind: 'unreachable', why: answer.why };
    if (answer.fields.kind === 'none') return { kind: 'none' };
    const record = answer.fields.kind === 'found' ? recordIn(answer.fields.record) : null;
    if (record) return { kind: 'found', record };
    return { kind: 'unreachable', why: this.#arbiter.words(answer.fields.why) };
  }

  async read(generation: Generation): Promise<GenerationRecord | null> {
    const answer = await this.#arbiter.ask('GET', `generations/${generation}`);
    if ('why' in answer) throw new ArbiterUnreachableError(answer.why);
    if (answer.isNothing) return null;
    const record = recordIn(answer.fields);
    if (record) return record;
    throw new ArbiterUnreachableError(this.#arbiter.words(answer.fields.why));
  }
}

function recordIn(value: unknown): GenerationRecord | null {
  const decoded = generationOf(value);
  return decoded.kind === 'record' ? decoded.record : null;
}
