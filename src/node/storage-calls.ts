import { StorageSilentError } from './generation-error.js';

/** One call in progress. */
export interface StorageTurn {
  /** Nobody waits any more: finish what was begun, begin nothing new. */
  isAbandoned(): boolean;
}

/**
 * Calls to shared storage, one at a time, none waited for longer than `msMax`.
 *
 * A call to a file server that is away can hang for ever and holds one of Node's few file system
 * threads while it does. So a call waits for the one before it, abandoned or not: however often the
 * caller asks again, no more than one thread is lost, and calls take effect in the order they were
 * made. A call whose turn did not come in time is never begun.
 */
export class StorageCalls {
  readonly #msMax: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(msMax: number) {
    this.#msMax = msMax;
  }

  /** Rejects with StorageSilentError after `msMax`, and with what `work` rejects with. */
  run<T>(work: (turn: StorageTurn) => Promise<T>): Promise<T> {
    let abandoned = false;
    const turn = { isAbandoned: () => abandoned };
    const silent = (): StorageSilentError => new StorageSilentError(this.#msMax);
    const done = this.#last.then(() => {
      if (abandoned) throw silent();
      return work(turn);
    });
    this.#last = done.catch(() => undefined);
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        abandoned = true;
        reject(silent());
      }, this.#msMax);
      done.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}
