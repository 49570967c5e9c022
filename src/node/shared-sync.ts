/**
 * Group commit: one sync of a file serves every write that had reached the operating system before
 * the sync began. Writes go on meanwhile and share the next one.
 */
export class SharedSync {
  readonly #sync: () => Promise<void>;
  /** Not begun yet: whoever asks now is served by it. */
  #next: Promise<void> | null = null;
  #running: Promise<unknown> = Promise.resolve();
  #failures = 0;
  #lastFailure: unknown = null;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /**
   * Runs `write`, then a sync that covers it. Rejects if either failed, and also if any sync failed
   * since `write` began: Linux reports a failed writeback once and then takes the pages for clean,
   * so a later sync that succeeds would prove nothing about them.
   */
  async cover(write: () => Promise<void>): Promise<void> {
    const failuresBefore = this.#failures;
    await write();
    this.#next ??= this.#begin();
    await this.#next;
    if (this.#failures !== failuresBefore) throw this.#lastFailure;
  }

  async #begin(): Promise<void> {
    await this.#running;
    const sync = this.#sync().catch((error: unknown) => {
      this.#failures += 1;
      this.#lastFailure = error;
    });
    this.#running = sync;
    this.#next = null;
    await sync;
  }
}
