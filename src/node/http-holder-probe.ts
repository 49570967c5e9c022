import { get, type IncomingMessage } from 'node:http';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { HolderProbe, ProbeOutcome } from '../host/holder-probe.js';
import { errnoOf } from './errno.js';
import { hostMark } from './host-mark.js';
import { isLoopback } from './host-port.js';
import { proofFor } from './secret-proof.js';
import type { SharedSecret } from './shared-secret.js';

const ANSWER_BYTES_MAX = 1024 * 1024;

/** Asks `GET /status` where a replica serves its API; the answer names the replica that gave it. */
export class HttpHolderProbe implements HolderProbe {
  readonly #answerMsMax: number;
  readonly #secret: SharedSecret | null;

  constructor(
    options: { readonly answerMsMax?: number; readonly secret?: SharedSecret | null } = {},
  ) {
    this.#answerMsMax = options.answerMsMax ?? 1_000;
    this.#secret = options.secret ?? null;
  }

  async probe(identity: ReplicaIdentity): Promise<ProbeOutcome> {
    try {
      // Loopback is another place on each host: an answer from here says nothing about there.
      if (identity.host !== hostMark() && isLoopback(hostOf(identity.api))) return 'silent';
      return (await this.#replicaAt(identity.api)) === identity.replica ? 'live' : 'gone';
    } catch (error) {
      return errnoOf(error) === 'ECONNREFUSED' ? 'gone' : 'silent';
    }
  }

  /** The replica that serves `api`; null when somebody else does. Rejects when nobody answers in time. */
  async #replicaAt(api: string): Promise<string | null> {
    const signal = AbortSignal.timeout(this.#answerMsMax);
    const url = new URL('/status', api);
    const authorization = await proofFor(this.#secret, 'GET', url.href, signal);
    const headers = authorization === null ? {} : { authorization };
    return new Promise((resolve, reject) => {
      const request = get(url, { agent: false, signal, headers }, (response) => {
        // Somebody of ours may well be there, and does not talk to us: no proof of a death.
        if (response.statusCode === 401 || response.statusCode === 403) {
          response.resume();
          return reject(new Error(`HTTP ${response.statusCode}`));
        }
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

function hostOf(api: string): string {
  return new URL(api).hostname.replace(/^\[(.*)\]$/, '$1');
}
