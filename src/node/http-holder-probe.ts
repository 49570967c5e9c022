import { get, type IncomingMessage } from 'node:http';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { HolderProbe, ProbeOutcome } from '../host/holder-probe.js';
import type { SeatAnswer, SeatStatus } from '../arbiter/seat.js';
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
    const found = await this.#ask(identity);
    return typeof found === 'string' ? found : 'live';
  }

  async mayGoLive(identity: ReplicaIdentity): Promise<'yes' | 'no' | 'silent'> {
    const found = await this.#ask(identity);
    if (typeof found === 'string') return found === 'gone' ? 'no' : 'silent';
    return found.isLive || found.isInSync ? 'yes' : 'no';
  }

  async seatOf(identity: ReplicaIdentity): Promise<SeatAnswer> {
    const found = await this.#ask(identity);
    return typeof found === 'string' ? found : (found.seat ?? 'none');
  }

  async #ask(identity: ReplicaIdentity): Promise<Answer | 'gone' | 'silent'> {
    try {
      // Loopback is another place on each host: an answer from here says nothing about there.
      if (identity.host !== hostMark() && isLoopback(hostOf(identity.api))) return 'silent';
      const answer = await this.#replicaAt(identity.api);
      return answer?.replica === identity.replica ? answer : 'gone';
    } catch (error) {
      return errnoOf(error) === 'ECONNREFUSED' ? 'gone' : 'silent';
    }
  }

  /** The replica that serves `api`; null when somebody else does. Rejects when nobody answers in time. */
  async #replicaAt(api: string): Promise<Answer | null> {
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
        readAnswer(response).then(resolve, reject);
      });
      request.once('error', reject);
    });
  }
}

/** What `GET /status` says that matters here. */
interface Answer {
  readonly replica: string;
  readonly isLive: boolean;
  readonly isInSync: boolean;
  readonly seat: SeatStatus | null;
}

async function readAnswer(response: IncomingMessage): Promise<Answer | null> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > ANSWER_BYTES_MAX) return null;
  }
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer !== 'object' || answer === null) return null;
    const { replica, role, backupsInSync, seat } = answer as Record<string, unknown>;
    if (typeof replica !== 'string') return null;
    const isInSync = role === 'backup' && typeof backupsInSync === 'number' && backupsInSync > 0;
    return { replica, isLive: role === 'primary', isInSync, seat: seatOf(seat) };
  } catch {
    return null;
  }
}

/** Null for anything that is not whole: a vote is not guessed. */
function seatOf(value: unknown): SeatStatus | null {
  if (typeof value !== 'object' || value === null) return null;
  const { seat, hasLeft, received } = value as Record<string, unknown>;
  const isWhole =
    typeof seat === 'string' && typeof hasLeft === 'boolean' && Number.isSafeInteger(received);
  return isWhole ? { seat, hasLeft, received: received as number } : null;
}

function hostOf(api: string): string {
  return new URL(api).hostname.replace(/^\[(.*)\]$/, '$1');
}
