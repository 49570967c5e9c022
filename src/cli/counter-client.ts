import { ConsoleClient } from './console-client.js';

/** What a client of the counter knows for certain. */
export interface CounterFacts {
  /** Increments sent and answered. */
  readonly acknowledged: number;
  /** The highest count the service has shown. */
  readonly count: number;
  /** Times the count shown was lower than one shown before: acknowledged work was lost. */
  readonly lost: number;
  /** Times one increment was applied twice. */
  readonly duplicated: number;
  readonly reconnects: number;
}

/**
 * Drives the counter service on the guest's console as a careful client does: one increment at a
 * time, the next when it is answered. After a break it asks where the counter stands, because an
 * increment typed and not logged is lost with its primary (FT paper §2.2: input may be lost, as on a
 * network).
 */
export class CounterClient {
  readonly #console: ConsoleClient;
  #text = '';
  #isReady = false;
  #acknowledged = 0;
  #count = 0;
  #lost = 0;
  #duplicated = 0;
  #reconnects = -1;
  /** After a break: the answer to our `get` is still to come, perhaps behind one to the last `inc`. */
  #isResuming = false;
  #isRunning = false;
  #sentAtMs = 0;
  #answeredAtMs = 0;
  /** Last answer before the link broke, until there is one after. */
  #brokeAtMs: number | null = null;
  #gapWaiters: ((gapMs: number) => void)[] = [];
  #retryTimer: NodeJS.Timeout | null = null;
  #answerWaiters: (() => void)[] = [];
  #readyWaiters: (() => void)[] = [];

  constructor(findLive: () => Promise<string | null>) {
    this.#console = new ConsoleClient(findLive, {
      output: (bytes) => this.#output(bytes),
      connected: () => this.#connected(),
      disconnected: () => {
        this.#brokeAtMs ??= this.#answeredAtMs;
      },
    });
  }

  start(): void {
    this.#console.start();
  }
  /** Resolves when the guest has booted and its service answers. */
  ready(): Promise<void> {
    if (this.#isReady) return Promise.resolve();
    return new Promise((resolve) => this.#readyWaiters.push(resolve));
  }
  /** Keeps the service busy from now on. */
  run(): void {
    this.#isRunning = true;
    this.#resume();
  }
  /** Resolves with the next answer. */
  answer(): Promise<void> {
    return new Promise((resolve) => this.#answerWaiters.push(resolve));
  }
  /** Resolves after the next break, with the time from the last answer before to the first after. */
  gapMs(): Promise<number> {
    return new Promise((resolve) => this.#gapWaiters.push(resolve));
  }
  close(): void {
    this.#isRunning = false;
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    this.#console.close();
  }

  get facts(): CounterFacts {
    return {
      acknowledged: this.#acknowledged,
      count: this.#count,
      lost: this.#lost,
      duplicated: this.#duplicated,
      reconnects: Math.max(0, this.#reconnects),
    };
  }

  #connected(): void {
    this.#reconnects += 1;
    // Whatever was typed may be lost; the answer to it may still come, and is as good.
    if (this.#isRunning) this.#resume();
  }

  #resume(): void {
    this.#isResuming = true;
    this.#send('get');
  }

  #send(what: 'inc' | 'get'): void {
    this.#sentAtMs = performance.now();
    this.#console.type(new TextEncoder().encode(`${what}\n`));
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    // Nothing should take that long; ask again rather than wait for ever.
    this.#retryTimer = setTimeout(() => {
      if (this.#isRunning && performance.now() - this.#sentAtMs >= patienceMs) this.#resume();
    }, patienceMs);
  }

  #output(bytes: Uint8Array): void {
    this.#text += new TextDecoder('latin1').decode(bytes);
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      this.#line(this.#text.slice(0, end).trim());
      this.#text = this.#text.slice(end + 1);
    }
  }

  #line(line: string): void {
    if (line === 'counter ready') {
      this.#isReady = true;
      for (const resolve of this.#readyWaiters.splice(0)) resolve();
    }
    const count = /^count (\d+)$/.exec(line)?.[1];
    if (count !== undefined) this.#answered(Number(count));
  }

  #answered(count: number): void {
    this.#answeredAtMs = performance.now();
    if (this.#brokeAtMs !== null) {
      const gapMs = this.#answeredAtMs - this.#brokeAtMs;
      this.#brokeAtMs = null;
      for (const resolve of this.#gapWaiters.splice(0)) resolve(gapMs);
    }
    const isLastIncrement = this.#isResuming && count === this.#count + 1;
    if (count < this.#count) this.#lost += this.#count - count;
    // An increment is open at most: two more than we have seen is one applied twice.
    else if (count > this.#count + 1) this.#duplicated += count - this.#count - 1;
    this.#acknowledged += Math.max(0, count - this.#count);
    this.#count = count;
    for (const resolve of this.#answerWaiters.splice(0)) resolve();
    if (!this.#isRunning || isLastIncrement) return;
    this.#isResuming = false;
    this.#send('inc');
  }
}

const patienceMs = 2000;
