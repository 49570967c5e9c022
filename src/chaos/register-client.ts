import { setTimeout as sleep } from 'node:timers/promises';
import type { Prng } from '../sim/prng.js';
import type { History, RegisterCall, RegisterValue } from './history.js';
import { CutOffError, RedisSocket, type RedisAnswer } from './redis-socket.js';

/** What befalls the connections and the answers of a client. */
export interface ClientEvents {
  readonly answered: () => void;
  /** Its connection was ended by somebody else. */
  readonly disconnected: () => void;
}

/**
 * One user of the guest's service: reads, sets and counts a few registers it shares with the others,
 * and keeps keys of its own. One TCP connection for all rounds, made anew only when it breaks.
 */
export class RegisterClient {
  readonly #id: number;
  readonly #port: () => number;
  readonly #events: ClientEvents;
  #redis: RedisSocket | null = null;
  #writes = 0;
  #isWorking = false;
  #isClosed = false;
  #work: Promise<void> = Promise.resolve();

  constructor(id: number, port: () => number, events: ClientEvents) {
    this.#id = id;
    this.#port = port;
    this.#events = events;
  }

  /** Resolves when the service answers, which may take a boot. */
  async connect(): Promise<void> {
    while (!this.#isClosed && !this.#redis) {
      try {
        this.#redis = await RedisSocket.open(this.#port(), () => {
          this.#redis = null;
          this.#events.disconnected();
        });
      } catch {
        await sleep(retryMs);
      }
    }
  }

  /** Works until `rest`, on registers and keys whose names begin with `prefix`. */
  work(history: History, prefix: string, chance: Prng): void {
    this.#isWorking = true;
    this.#work = this.#loop(history, prefix, chance);
    this.#work.catch(() => undefined);
  }
  /** Resolves when the last answer is here. Errors: what the service should not have said. */
  async rest(): Promise<void> {
    this.#isWorking = false;
    await this.#work;
  }

  /** Reads registers once more, into the history. */
  async readAll(history: History, prefix: string): Promise<void> {
    for (const register of registers) await this.#register(history, `${prefix}${register}`, get);
  }
  /** The values of these keys now. */
  async valuesOf(keys: readonly string[]): Promise<(RedisAnswer | undefined)[]> {
    const values: RedisAnswer[] = [];
    for (let first = 0; first < keys.length; first += batch) {
      const answer = await this.#ask('MGET', ...keys.slice(first, first + batch));
      if (Array.isArray(answer)) values.push(...(answer as readonly RedisAnswer[]));
    }
    return values;
  }

  close(): void {
    this.#isWorking = false;
    this.#isClosed = true;
    this.#redis?.close();
  }

  async #loop(history: History, prefix: string, chance: Prng): Promise<void> {
    while (this.#isWorking) {
      try {
        await this.#step(history, prefix, chance);
      } catch (error) {
        if (!(error instanceof CutOffError)) throw error;
        await this.connect();
      }
    }
  }

  async #step(history: History, prefix: string, chance: Prng): Promise<void> {
    const dice = chance.fraction();
    const key = `${prefix}${chance.pick(registers)}`;
    if (dice < 0.4) return this.#register(history, key, get);
    if (dice < 0.65) return this.#register(history, key, { kind: 'increment' });
    this.#writes += 1;
    // No two of them equal, however often anybody counts from there: an answer tells who set it.
    const value = (this.#writes * clientsMax + this.#id) * roomToCount;
    if (dice < 0.85) return this.#register(history, key, { kind: 'set', value });
    const kept = { key: `${prefix}kept:${this.#id}:${this.#writes}`, value: String(value) };
    await this.#ask('SET', kept.key, kept.value);
    history.keep(kept);
    this.#events.answered();
  }

  async #register(history: History, key: string, call: RegisterCall): Promise<void> {
    const invokedAtMs = performance.now();
    const operation = { client: this.#id, key, call, invokedAtMs };
    try {
      const value = valueOf(call, await this.#ask(...wordsOf(call, key)));
      history.add({ ...operation, answer: { value, atMs: performance.now() } });
      this.#events.answered();
    } catch (error) {
      if (error instanceof CutOffError) history.add({ ...operation, answer: null });
      throw error;
    }
  }

  async #ask(...words: readonly string[]): Promise<RedisAnswer> {
    if (!this.#redis) await this.connect();
    if (!this.#redis) throw new CutOffError('closed');
    return this.#redis.ask(...words);
  }
}

const get: RegisterCall = { kind: 'get' };
const registers = ['x', 'y', 'z'] as const;
/** Ids of clients are below it. */
export const clientsMax = 64;
const roomToCount = 100_000;
const retryMs = 50;
const batch = 200;

function wordsOf(call: RegisterCall, key: string): readonly string[] {
  switch (call.kind) {
    case 'get':
      return ['GET', key];
    case 'set':
      return ['SET', key, String(call.value)];
    case 'increment':
      return ['INCR', key];
  }
}

function valueOf(call: RegisterCall, answer: RedisAnswer): RegisterValue {
  if (call.kind === 'set') return call.value;
  return answer === null ? null : Number(answer);
}
