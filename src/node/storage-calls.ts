import { StorageSilentError } from './generation-error.js';

/**
 * Calls to shared storage, one at a time, none waited for longer than `msMax`.
 *
 * A call to a file server that is away can hang for ever and holds one of Node's few file system
 * threads while it does. So a call begins only when the one before it is over, waited for or not:
 * no more than one thread is ever lost, and calls take effect in the order they were made.
 */
export class StorageCalls {
  readonly #msMax: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(msMax: number) {
    this.#msMax = msMax;
  }

  /** Begins `work` when its turn comes, however long that takes. */
  begin<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Waits for what was begun; rejects with StorageSilentError when it takes too long. */
  wait<T>(done: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => reject(new StorageSilentError(this.#msMax)), this.#msMax);
      done.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  /** Begins `work` and waits for it. If its turn does not come in time it is never begun. */
  run<T>(work: () => Promise<T>): Promise<T> {
    let isAwaited = true;
    const done = this.begin(() => {
      if (!isAwaited) throw new StorageSilentError(this.#msMax);
      return work();
    });
    return this.wait(done).finally(() => (isAwaited = false));
  }
}
