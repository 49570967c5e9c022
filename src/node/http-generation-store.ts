import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import { generationOf } from '../arbiter/generation-codec.js';
import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { GenerationStore } from '../host/generation-store.js';
import type { Generation } from '../units.js';
import { askApi } from './api-client.js';
import { ArbiterUnreachableError } from './generation-error.js';
import type { SharedSecret } from './shared-secret.js';

export interface HttpGenerationStoreOptions {
  /** `http://host:port` of `ftvm arbiter`. */
  readonly url: string;
  /** The VM's id. */
  readonly vm: string;
  readonly secret?: SharedSecret | null;
  /** No answer is waited for longer. */
  readonly answerMsMax?: number;
}

/**
 * The generations of a VM at an arbiter.
 *
 * Shape:  a claim that was not answered may have been carried out: whoever is told `unreachable` asks
 *         again with the same record, and then hears that it has won.
 * Errors: `read` rejects with ArbiterUnreachableError; the others answer `unreachable`.
 */
export class HttpGenerationStore implements GenerationStore {
  readonly #options: HttpGenerationStoreOptions;

  constructor(options: HttpGenerationStoreOptions) {
    this.#options = options;
  }

  async claim(record: GenerationRecord): Promise<ClaimOutcome> {
    const answer = await this.#ask('POST', '', JSON.stringify(record));
    if ('why' in answer) return { kind: 'unreachable', why: answer.why };
    if (answer.fields.kind === 'won') return { kind: 'won' };
    const holder = answer.fields.kind === 'lost' ? recordIn(answer.fields.holder) : null;
    if (holder) return { kind: 'lost', holder };
    return { kind: 'unreachable', why: this.#words(answer.fields.why) };
  }

  async latest(): ReturnType<GenerationStore['latest']> {
    const answer = await this.#ask('GET', '/latest');
    if ('why' in answer) return { kind: 'unreachable', why: answer.why };
    if (answer.fields.kind === 'none') return { kind: 'none' };
    const record = answer.fields.kind === 'found' ? recordIn(answer.fields.record) : null;
    if (record) return { kind: 'found', record };
    return { kind: 'unreachable', why: this.#words(answer.fields.why) };
  }

  async read(generation: Generation): Promise<GenerationRecord | null> {
    const answer = await this.#ask('GET', `/${generation}`);
    if ('why' in answer) throw new ArbiterUnreachableError(answer.why);
    if (answer.isNothing) return null;
    const record = recordIn(answer.fields);
    if (record) return record;
    throw new ArbiterUnreachableError(this.#words(answer.fields.why));
  }

  async #ask(
    method: 'GET' | 'POST',
    path: string,
    body?: string,
  ): Promise<Answer | { readonly why: string }> {
    const { url, vm, secret = null, answerMsMax = 2_000 } = this.#options;
    const answer = await askApi(method, `${url}/vms/${vm}/generations${path}`, {
      timeoutMs: answerMsMax,
      secret,
      ...(body === undefined ? {} : { body }),
    });
    if (answer === null) return { why: `no answer from the arbiter at ${url}` };
    try {
      const value: unknown = JSON.parse(answer.body);
      const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<
        string,
        unknown
      >;
      if (answer.status === 200) return { fields, isNothing: value === null };
      return { why: this.#words(fields.why ?? `status ${answer.status}`) };
    } catch {
      return { why: this.#words(`status ${answer.status}`) };
    }
  }

  #words(why: unknown): string {
    const words = typeof why === 'string' ? why.slice(0, 200) : 'it makes no sense';
    return `the arbiter at ${this.#options.url} cannot say: ${words}`;
  }
}

interface Answer {
  readonly fields: Readonly<Record<string, unknown>>;
  /** It said `null`: there is no such thing. */
  readonly isNothing: boolean;
}

function recordIn(value: unknown): GenerationRecord | null {
  const decoded = generationOf(value);
  return decoded.kind === 'record' ? decoded.record : null;
}
