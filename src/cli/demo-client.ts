/** What a client of the guest's service knows for certain. */
export interface ClientFacts {
  /** Requests sent and answered. */
  readonly acknowledged: number;
  /** Of those, how many the service does not know any more. */
  readonly lost: number;
  /** Requests applied twice. */
  readonly duplicated: number;
  /** TCP connections to the guest that broke. */
  readonly connectionResets: number;
  /** Times a console link, which is the host's and not the guest's, had to be made anew. */
  readonly consoleReconnects: number;
}

/** Somebody who uses the guest's service, one request at a time, and checks every answer. */
export interface DemoClient {
  /** For the story: "the client writes numbered keys to redis over one TCP connection". */
  readonly story: string;
  /** Begins to look for the service, which need not be there yet. */
  start(): void;
  /** Resolves when the service answers. */
  ready(): Promise<void>;
  /** Keeps it busy from now on. */
  run(): void;
  /** Resolves with the next answer. */
  answer(): Promise<void>;
  readonly answers: AnswerTimes;
  /** Stops asking, asks for everything back, and tells. */
  verify(): Promise<ClientFacts>;
  readonly acknowledged: number;
  close(): void;
}

/** When answers came: what a failover looks like from outside. */
export class AnswerTimes {
  #lastAtMs: number | null = null;
  #longestMs = 0;
  #waiters: (() => void)[] = [];

  note(): void {
    const nowMs = performance.now();
    if (this.#lastAtMs !== null)
      this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastAtMs);
    this.#lastAtMs = nowMs;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
  /** From here on, what `longestMs` looks at. */
  mark(): void {
    this.#longestMs = 0;
  }
  /** The longest time between two answers since the mark. */
  get longestMs(): number {
    return this.#longestMs;
  }
}
