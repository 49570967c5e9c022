import { WebSocket } from 'ws';
import {
  CONSOLE_SUBPROTOCOL,
  decodeConsoleOutput,
  encodeConsoleGreeting,
} from '../../src/channel/console-codec.js';
import { Transcript } from './transcript.js';

/** Reads the console of one live replica through its API, from an offset on. */
export class ConsoleReader {
  /** The bytes from `from` on. */
  readonly shown: Transcript;
  /** Each message must begin where the last one ended; the offsets of those that did not. */
  readonly misplaced: number[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  #next: number;

  constructor(api: string, from = 0) {
    this.#next = from;
    this.shown = new Transcript(`console of ${api}`);
    const url = `${api.replace(/^http/, 'ws')}/console`;
    this.#socket = new WebSocket(url, CONSOLE_SUBPROTOCOL);
    this.#socket.on('open', () => this.#socket.send(encodeConsoleGreeting(from)));
    this.#socket.on('message', (data: Buffer) => this.#take(data));
    this.#socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.#socket.once('close', (code) => {
        this.shown.finish();
        resolve(code);
      });
    });
  }

  /** Offset of the byte that comes next. */
  get next(): number {
    return this.#next;
  }
  type(text: string): void {
    this.#socket.send(Buffer.from(text));
  }
  close(): void {
    this.#socket.terminate();
  }

  #take(data: Buffer): void {
    const output = decodeConsoleOutput(data);
    if (!output) return;
    if (output.offset !== this.#next) this.misplaced.push(output.offset);
    this.#next = output.offset + output.bytes.byteLength;
    this.shown.add(Buffer.from(output.bytes));
  }
}
