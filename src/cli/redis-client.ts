import { AnswerTimes, type ClientFacts, type DemoClient } from './demo-client.js';

/** The part of ioredis that the demo uses; it is a development dependency. */
interface Redis {
  set(key: string, value: string): Promise<unknown>;
  incr(key: string): Promise<number>;
  mget(...keys: string[]): Promise<(string | null)[]>;
  ping(): Promise<unknown>;
  on(event: 'close' | 'error', listener: () => void): unknown;
  disconnect(): void;
}
type RedisConstructor = new (options: Record<string, unknown>) => Redis;

/** Null where only ftvm itself is installed, without what its tests and demo use. */
export async function loadRedis(): Promise<RedisConstructor | null> {
  try {
    // Not a literal: the package may be absent, and nothing else needs its types.
    const name: string = 'ioredis';
    const module = (await import(name)) as { Redis: RedisConstructor };
    return module.Redis;
  } catch {
    return null;
  }
}

/**
 * Writes numbered keys to the redis inside the guest, through a forward of the switch, over one TCP
 * connection that nobody on our side ever makes anew.
 */
export class RedisClient implements DemoClient {
  readonly story = 'writes numbered keys to redis, over one TCP connection';
  readonly answers = new AnswerTimes();
  readonly #Redis: RedisConstructor;
  readonly #port: number;
  #redis: Redis | null = null;
  #ready: Promise<void> | null = null;
  #isRunning = false;
  #isClosed = false;
  #working: Promise<void> | null = null;
  #acknowledged = 0;
  #duplicated = 0;
  #resets = 0;

  constructor(constructor: RedisConstructor, port: number) {
    this.#Redis = constructor;
    this.#port = port;
  }

  start(): void {
    this.#ready = this.#connect();
    this.#ready.catch(() => undefined);
  }
  ready(): Promise<void> {
    return this.#ready ?? Promise.reject(new Error('not started'));
  }
  run(): void {
    this.#isRunning = true;
    this.#working = this.#work();
    this.#working.catch(() => undefined);
  }
  answer(): Promise<void> {
    return this.answers.next();
  }
  get acknowledged(): number {
    return this.#acknowledged;
  }

  async verify(): Promise<ClientFacts> {
    this.#isRunning = false;
    await this.#working?.catch(() => undefined);
    let lost = 0;
    for (let first = 1; first <= this.#acknowledged; first += batch) {
      const count = Math.min(batch, this.#acknowledged - first + 1);
      const keys = Array.from({ length: count }, (_, i) => `key:${first + i}`);
      const values = (await this.#redis?.mget(...keys)) ?? [];
      keys.forEach((_, i) => {
        if (values[i] !== String(first + i)) lost += 1;
      });
    }
    return {
      acknowledged: this.#acknowledged,
      lost,
      duplicated: this.#duplicated,
      connectionResets: this.#resets,
      consoleReconnects: 0,
    };
  }

  close(): void {
    this.#isRunning = false;
    this.#isClosed = true;
    this.#redis?.disconnect();
  }

  /** The guest is booting: what connects too early is refused by it, and tries again. */
  async #connect(): Promise<void> {
    while (!this.#isClosed) {
      const redis = new this.#Redis({
        host: '127.0.0.1',
        port: this.#port,
        retryStrategy: () => null,
        maxRetriesPerRequest: 0,
        enableReadyCheck: false,
        connectTimeout: 2000,
      });
      redis.on('error', () => undefined);
      try {
        await redis.ping();
        redis.on('close', () => {
          if (!this.#isClosed) this.#resets += 1;
        });
        this.#redis = redis;
        return;
      } catch {
        redis.disconnect();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async #work(): Promise<void> {
    while (this.#isRunning && this.#redis) {
      const number = this.#acknowledged + 1;
      await this.#redis.set(`key:${number}`, String(number));
      // Not idempotent, so that a request applied twice shows.
      const count = await this.#redis.incr('requests');
      this.#duplicated = Math.max(this.#duplicated, count - number);
      this.#acknowledged = number;
      this.answers.note();
    }
  }
}

const batch = 500;
