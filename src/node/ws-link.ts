import type { Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { AcceptLink, Link, LinkEnd } from '../host/link.js';
import { endOfCloseCode, endOfError } from './link-end.js';
import { TurnCork } from './turn-cork.js';

/** Waits this long for the peer to answer a close, so that what was sent before can arrive. */
export const CLOSE_MS_MAX = 2_000;
/** Largest message taken, unless the caller says otherwise. Snapshots travel in smaller pieces. */
export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * One WebSocket as a link: binary messages only, no compression (records are small and urgent).
 *
 * Shape:  connecting ─▶ open ─▶ ended; `ended` is told once, whatever else still happens below.
 *         A message given to `send` is not copied: it must not change afterwards.
 * Errors: told through `ended`. While reading is paused the end of the peer is not seen.
 */
export class WsLink implements Link {
  readonly #socket: WebSocket;
  readonly #endpoint: string;
  #handlers: ReturnType<AcceptLink> | null = null;
  #whenOpen: () => void = () => undefined;
  /** Sent before the socket was open. */
  #early: Uint8Array[] = [];
  #cork: TurnCork | null = null;
  #closing = false;
  #ended = false;

  constructor(socket: WebSocket, endpoint: string) {
    this.#socket = socket;
    this.#endpoint = endpoint;
    socket.binaryType = 'nodebuffer';
    socket.on('open', () => this.#opened());
    socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    socket.on('error', (error) => this.end(endOfError(error, endpoint)));
    socket.on('close', (code, reason) => {
      this.end(endOfCloseCode(code, reason.toString(), endpoint));
    });
  }

  /** Says who is told; until then nothing may arrive, so call it before the next turn of the loop. */
  attach(handlers: ReturnType<AcceptLink>, whenOpen = this.#whenOpen): void {
    this.#handlers = handlers;
    this.#whenOpen = whenOpen;
  }

  /** What the WebSocket runs over, once that is known. */
  carriedBy(stream: Writable): void {
    this.#cork = new TurnCork(stream);
  }

  send(message: Uint8Array): void {
    if (this.#closing || this.#ended) return;
    if (this.#socket.readyState === this.#socket.CONNECTING) {
      this.#early.push(message);
      return;
    }
    this.#cork?.willWrite(message.byteLength);
    // A failed send is followed by `close`; its callback only keeps ws from raising it twice.
    this.#socket.send(message, { binary: true }, () => undefined);
  }

  bufferedBytes(): number {
    if (this.#ended) return 0;
    const early = this.#early.reduce((bytes, message) => bytes + message.byteLength, 0);
    // What ws holds and what its socket holds: bufferedAmount counts both.
    return early + this.#socket.bufferedAmount;
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  close(): void {
    if (this.#closing || this.#ended) return;
    this.#closing = true;
    // The answer to our close frame has to be read.
    this.#socket.resume();
    this.#socket.close(1000);
  }

  /** Ends the link with a reason of ours, if it has not ended yet. */
  end(how: LinkEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#early = [];
    this.#handlers?.ended(this.#closing ? { kind: 'closed' } : how);
  }

  #opened(): void {
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.send(message);
    this.#whenOpen();
  }

  #received(data: RawData, isBinary: boolean): void {
    if (this.#closing || this.#ended) return;
    if (isBinary) {
      this.#handlers?.received(data as Buffer);
      return;
    }
    this.#socket.close(1003, 'binary frames only');
    this.end({ kind: 'protocol', why: `${this.#endpoint} sent a text frame, records are binary` });
  }
}
