import type { Entropy } from '../host/entropy.js';
import { Alarm, type AlarmQueue } from './alarm-queue.js';
import type { HostAddress, HostDatagramSocket, HostNetwork } from './host-network.js';
import { copyOf, readU16, writeU16 } from './wire-bytes.js';

interface Pending {
  readonly query: Uint8Array;
  readonly sentAtMs: number;
  readonly answer: (reply: Uint8Array) => void;
}

const DNS_HEADER_BYTES = 12;
const PENDING_MAX = 256;
const PATIENCE_MS = 5_000;

/**
 * Hands the guests' DNS queries to the host's resolver, and its answers back.
 *
 * Shape:  queries are sent under numbers of our own, drawn by chance: an answer has to know its
 *         number, come from the resolver, and repeat the question.
 * Errors: without a resolver, or when it says nothing for 5 s, the guest gets SERVFAIL, so that it
 *         need not wait for its own timeout.
 */
export class DnsForwarder {
  readonly #alarms: AlarmQueue;
  readonly #entropy: Entropy;
  readonly #network: HostNetwork;
  readonly #resolver: HostAddress | null;
  readonly #pending = new Map<number, Pending>();
  readonly #alarm: Alarm;
  #socket: HostDatagramSocket | null = null;
  failed = 0;

  constructor(
    alarms: AlarmQueue,
    entropy: Entropy,
    network: HostNetwork,
    resolver: HostAddress | null,
  ) {
    this.#alarms = alarms;
    this.#entropy = entropy;
    this.#network = network;
    this.#resolver = resolver;
    this.#alarm = new Alarm(alarms, () => this.#expire());
  }

  get pending(): number {
    return this.#pending.size;
  }

  ask(query: Uint8Array, answer: (reply: Uint8Array) => void): void {
    // Not a query: shorter than a header, or itself an answer.
    if (query.byteLength < DNS_HEADER_BYTES || ((query[2] ?? 0) & 0x80) !== 0) return;
    if (this.#resolver === null || this.#pending.size >= PENDING_MAX) {
      this.failed += 1;
      return answer(serverFailure(query));
    }
    const number = this.#freeNumber();
    const kept = copyOf(query);
    this.#pending.set(number, { query: kept, sentAtMs: this.#alarms.nowMs(), answer });
    const sent = copyOf(query);
    writeU16(sent, 0, number);
    this.#socket ??= this.#open(this.#resolver);
    this.#socket.send(sent, this.#resolver);
    if (!this.#alarm.isSet) this.#alarm.set(PATIENCE_MS);
  }

  close(): void {
    this.#alarm.close();
    this.#socket?.close();
    this.#pending.clear();
  }

  #open(resolver: HostAddress): HostDatagramSocket {
    const kind = resolver.host.includes(':') ? 'ipv6' : 'ipv4';
    return this.#network.openDatagrams(kind, (payload, from) => {
      if (from.host === resolver.host && from.port === resolver.port) this.#answered(payload);
    });
  }

  #answered(reply: Uint8Array): void {
    if (reply.byteLength < DNS_HEADER_BYTES) return;
    const number = readU16(reply, 0);
    const pending = this.#pending.get(number);
    if (pending === undefined || !isSameQuestion(pending.query, reply)) return;
    this.#pending.delete(number);
    const forGuest = copyOf(reply);
    writeU16(forGuest, 0, readU16(pending.query, 0));
    pending.answer(forGuest);
  }

  #expire(): void {
    const nowMs = this.#alarms.nowMs();
    for (const [number, { query, sentAtMs, answer }] of this.#pending) {
      if (nowMs - sentAtMs < PATIENCE_MS) {
        // The rest is younger still.
        this.#alarm.set(sentAtMs + PATIENCE_MS - nowMs);
        return;
      }
      this.#pending.delete(number);
      this.failed += 1;
      answer(serverFailure(query));
    }
  }

  #freeNumber(): number {
    for (;;) {
      const number = readU16(this.#entropy.bytes(2), 0);
      if (!this.#pending.has(number)) return number;
    }
  }
}

/** The name asked for, byte for byte; an answer without a question part is not trusted. */
function isSameQuestion(query: Uint8Array, reply: Uint8Array): boolean {
  let end = DNS_HEADER_BYTES;
  while (end < query.byteLength && query[end] !== 0) end += (query[end] ?? 0) + 1;
  end = Math.min(end + 5, query.byteLength);
  for (let at = DNS_HEADER_BYTES; at < end; at += 1) {
    // Resolvers may answer in lower case.
    if (lower(query[at]) !== lower(reply[at])) return false;
  }
  return true;
}

function lower(byte = 0): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** The query turned into "server failure" (RFC 1035 §4.1.1), question part and all. */
function serverFailure(query: Uint8Array): Uint8Array {
  const reply = copyOf(query);
  reply[2] = ((query[2] ?? 0) & 0x79) | 0x80;
  reply[3] = 0x80 | 2;
  return reply;
}
