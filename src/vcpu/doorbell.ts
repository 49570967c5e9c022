/**
 * Wakes the vCPU's thread, which sleeps outside its event loop: a count in shared memory that every
 * ring adds to.
 */
export class Doorbell {
  readonly shared: SharedArrayBuffer;
  readonly #rings: Int32Array;

  constructor(shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#rings = new Int32Array(shared);
  }

  ring(): void {
    Atomics.add(this.#rings, 0, 1);
    Atomics.notify(this.#rings, 0);
  }

  get rings(): number {
    return Atomics.load(this.#rings, 0);
  }

  /** Sleeps until it has rung more often than `seen`, or `timeoutMs` have passed. */
  sleep(seen: number, timeoutMs: number): void {
    Atomics.wait(this.#rings, 0, seen, timeoutMs);
  }
}
