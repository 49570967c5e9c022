import { askApi } from './api-client.js';
import type { SharedSecret } from './shared-secret.js';

export interface ArbiterClientOptions {
  /** `http://host:port` of `ftvm arbiter`. */
  readonly url: string;
  /** The VM's id. */
  readonly vm: string;
  readonly secret?: SharedSecret | null;
  /** No answer is waited for longer. */
  readonly answerMsMax?: number;
}

export interface ArbiterAnswer {
  readonly fields: Readonly<Record<string, unknown>>;
  /** It said `null`: there is no such thing. */
  readonly isNothing: boolean;
}

/** Asks an arbiter about one VM. Errors: none; what is no answer has a `why`. */
export class ArbiterClient {
  readonly #options: ArbiterClientOptions;

  constructor(options: ArbiterClientOptions) {
    this.#options = options;
  }

  async ask(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<ArbiterAnswer | { readonly why: string }> {
    const { url, vm, secret = null, answerMsMax = 2_000 } = this.#options;
    const answer = await askApi(method, `${url}/vms/${vm}/${path}`, {
      timeoutMs: answerMsMax,
      secret,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer === null) return { why: `no answer from the arbiter at ${url}` };
    try {
      const value: unknown = JSON.parse(answer.body);
      const isObject = typeof value === 'object' && value !== null;
      const fields = (isObject ? value : {}) as Record<string, unknown>;
      if (answer.status === 200) return { fields, isNothing: value === null };
      return { why: this.words(fields.why ?? `status ${answer.status}`) };
    } catch {
      return { why: this.words(`status ${answer.status}`) };
    }
  }

  /** What it gave as a reason, or that it gave none. */
  words(why: unknown): string {
    const words = typeof why === 'string' ? why.slice(0, 200) : 'it makes no sense';
    return `the arbiter at ${this.#options.url} cannot say: ${words}`;
  }
}
