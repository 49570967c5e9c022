import { get, type IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { HolderProbe, ProbeOutcome } from '../host/holder-probe.js';
import { errnoOf } from './errno.js';

const ANSWER_BYTES_MAX = 1024 * 1024;

/** Asks `GET /status` where a replica serves its API; the answer names the replica that gave it. */
export class HttpHolderProbe implements HolderProbe {
  readonly #answerMsMax: number;

  constructor({ answerMsMax = 1_000 }: { readonly answerMsMax?: number } = {}) {
    this.#answerMsMax = answerMsMax;
  }

  async probe(identity: ReplicaIdentity): Promise<ProbeOutcome> {
    try {
      // Loopback is another place on each host: an answer from here says nothing about there.
      if (identity.host !== hostname() && isLoopback(identity.api)) return 'silent';
      return (await this.#replicaAt(identity.api)) === identity.replica ? 'live' : 'gone';
    } catch (error) {
      return errnoOf(error) === 'ECONNREFUSED' ? 'gone' : 'silent';
    }
  }

  /** The replica that serves `api`; null when somebody else does. Rejects when nobody answers in time. */
  #replicaAt(api: string): Promise<string | null> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(this.#answerMsMax);
      const request = get(new URL('/status', api), { agent: false, signal }, (response) => {
        readReplica(response).then(resolve, reject);
      });
      request.once('error', reject);
    });
  }
}

async function readReplica(response: IncomingMessage): Promise<string | null> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > ANSWER_BYTES_MAX) return null;
  }
  try {
    const answer: unknown = JSON.parse(text);
    const isStatus = typeof answer === 'object' && answer !== null && 'replica' in answer;
    return isStatus && typeof answer.replica === 'string' ? answer.replica : null;
  } catch {
    return null;
  }
}

function isLoopback(api: string): boolean {
  const { hostname: host } = new URL(api);
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.');
}
