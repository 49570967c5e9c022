// Only to say what was missing; a test that passes waits for nothing that long.
const patienceMs = 60_000;

interface Waiter {
  readonly pattern: RegExp;
  readonly from: number;
  readonly found: (match: RegExpExecArray) => void;
  readonly failed: (error: Error) => void;
}

/** What a process has written so far; a test waits for what it will write. */
export class Transcript {
  readonly #name: string;
  #text = '';
  #isOver = false;
  #waiters: Waiter[] = [];
  #closers: (() => void)[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  /** One character for each byte. */
  get text(): string {
    return this.#text;
  }
  /** Where what comes next will stand. */
  get end(): number {
    return this.#text.length;
  }

  add(chunk: Buffer): void {
    this.#text += chunk.toString('latin1');
    this.#waiters = this.#waiters.filter((waiter) => {
      const match = find(this.#text, waiter);
      if (match) waiter.found(match);
      return !match;
    });
  }

  /** Nothing more will come. */
  finish(): void {
    this.#isOver = true;
    for (const { pattern, failed } of this.#waiters.splice(0)) failed(this.#inVain(pattern));
    for (const resolve of this.#closers.splice(0)) resolve();
  }

  /** Resolves once the text from `from` on has `pattern`; rejects when it ends without. */
  until(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    const match = find(this.#text, { pattern, from });
    if (match) return Promise.resolve(match);
    if (this.#isOver) return Promise.reject(this.#inVain(pattern));
    return new Promise((found, failed) => {
      const tooLate = setTimeout(() => failed(this.#inVain(pattern)), patienceMs);
      this.#waiters.push({
        pattern,
        from,
        found: (match) => {
          clearTimeout(tooLate);
          found(match);
        },
        failed: (error) => {
          clearTimeout(tooLate);
          failed(error);
        },
      });
    });
  }

  /** Resolves with everything when nothing more will come. */
  async whole(): Promise<string> {
    if (!this.#isOver) await new Promise<void>((resolve) => this.#closers.push(resolve));
    return this.#text;
  }

  #inVain(pattern: RegExp): Error {
    const when = this.#isOver ? 'ended' : `stood after ${patienceMs / 1000} s`;
    return new Error(
      `${this.#name} ${when} without ${String(pattern)}:\n${this.#text.slice(-2000)}`,
    );
  }
}

function find(text: string, { pattern, from }: Pick<Waiter, 'pattern' | 'from'>) {
  return pattern.exec(text.slice(from));
}
