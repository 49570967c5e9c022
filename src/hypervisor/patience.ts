import type { Clock } from '../host/clock.js';

/** Waiting for others, which a screen hears of once for each reason, and which a stop ends. */
export class Patience {
  readonly #tell: (forWhat: string) => void;
  #last = '';
  #isStopping = false;
  /** Ends the pause we are in, if any. */
  #wake: () => void = () => undefined;

  constructor(tell: (forWhat: string) => void) {
    this.#tell = tell;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }
  stop(): void {
    this.#isStopping = true;
    this.#wake();
  }

  /** Something has come of the waiting: the same reason may be said again. */
  over(): void {
    this.#last = '';
  }

  say(forWhat: string): void {
    if (forWhat === this.#last) return;
    this.#last = forWhat;
    this.#tell(forWhat);
  }

  async pause(clock: Clock, ms: number): Promise<void> {
    if (this.#isStopping) return;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
