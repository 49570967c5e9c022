import type { Writable } from 'node:stream';

/**
 * What is written in one turn of the event loop leaves in few system calls: frames come in bursts,
 * and a call for each costs more than all else about them.
 *
 * Units:  bytes. A burst is not held back whole: the other end starts on it while the rest is made.
 */
export class TurnCork {
  readonly #stream: Writable;
  #isCorked = false;
  #bytes = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** To be called before each write. */
  willWrite(bytes: number): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#stream.cork();
      process.nextTick(() => this.#uncork());
    } else if (this.#bytes >= bytesPerCall) {
      this.#stream.uncork();
      this.#stream.cork();
      this.#bytes = 0;
    }
    this.#bytes += bytes;
  }

  #uncork(): void {
    this.#isCorked = false;
    this.#bytes = 0;
    this.#stream.uncork();
  }
}

// Ten full frames or so.
const bytesPerCall = 16 * 1024;
