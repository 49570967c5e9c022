import { ConsoleClient } from './console-client.js';
import { AnswerTimes, type ClientFacts, type DemoClient } from './demo-client.js';

/**
 * Drives the counter service on the guest's console as a careful client does: one increment at a
 * time, the next when it is answered. After a break it asks where the counter stands, because an
 * increment typed and not logged is lost with its primary (FT paper §2.2: input may be lost, as on a
 * network).
 */
export class CounterClient implements DemoClient {
  readonly story = "counts on the guest's console";
  readonly answers = new AnswerTimes();
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
  #retryTimer: NodeJS.Timeout | null = null;
  #readyWaiters: (() => void)[] = [];

  constructor(findLive: () => Promise<string | null>) {
    this.#console = new ConsoleClient(findLive, {
      output: (bytes) => this.#output(bytes),
      connected: () => this.#connected(),
      disconnected: () => undefined,
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
    return this.answers.next();
  }
  /** The answers themselves have shown what was lost. */
  async verify(): Promise<ClientFacts> {
    await this.answer();
    this.#isRunning = false;
    return {
      acknowledged: this.#acknowledged,
      lost: this.#lost,
      duplicated: this.#duplicated,
      connectionResets: 0,
      consoleReconnects: Math.max(0, this.#reconnects),
    };
  }
  get acknowledged(): number {
    return this.#acknowledged;
  }
  close(): void {
    this.#isRunning = false;
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    this.#console.close();
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
    this.answers.note();
    const isLastIncrement = this.#isResuming && count === this.#count + 1;
    if (count < this.#count) this.#lost += this.#count - count;
    // An increment is open at most: two more than we have seen is one applied twice.
    else if (count > this.#count + 1) this.#duplicated += count - this.#count - 1;
    this.#acknowledged += Math.max(0, count - this.#count);
    this.#count = count;
    if (!this.#isRunning || isLastIncrement) return;
    this.#isResuming = false;
    this.#send('inc');
  }
}

const patienceMs = 2000;
