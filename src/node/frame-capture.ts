import type { Clock } from '../host/clock.js';
import type { Diagnostics } from '../host/diagnostics.js';
import { interfaceBlock, packetBlock, sectionBlock } from '../network/capture-format.js';
import { LogSink } from './log-sink.js';

/**
 * Keeps every frame that enters a switch in a file that packet analysers read, each with the port
 * it came in at.
 *
 * Errors: LogSinkError from the constructor; later ones end the capture with a warning, and the
 *         network goes on without it.
 */
export class FrameCapture {
  readonly #clock: Clock;
  readonly #diagnostics: Diagnostics;
  readonly #ports = new Map<string, number>();
  #sink: LogSink | null;

  constructor(clock: Clock, diagnostics: Diagnostics, path: string) {
    this.#clock = clock;
    this.#diagnostics = diagnostics;
    this.#sink = new LogSink(path);
    this.#write(sectionBlock());
  }

  /** Ports of one name are one interface in the file. */
  frame(port: string, frame: Uint8Array): void {
    let number = this.#ports.get(port);
    if (number === undefined) {
      number = this.#ports.size;
      this.#ports.set(port, number);
      this.#write(interfaceBlock(port));
    }
    this.#write(packetBlock(number, this.#clock.wallClockMs(), frame));
  }

  close(): void {
    this.#attempt((sink) => sink.close());
    this.#sink = null;
  }

  #write(bytes: Uint8Array): void {
    this.#attempt((sink) => sink.write(bytes));
  }

  #attempt(call: (sink: LogSink) => void): void {
    if (this.#sink === null) return;
    try {
      call(this.#sink);
    } catch (error) {
      this.#sink = null;
      this.#diagnostics.warn('The capture has ended', {
        why: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
