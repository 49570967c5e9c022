import type { Socket } from 'node:net';
import type { HostStream, HostStreamHandlers } from '../network/host-network.js';
import { TurnCork } from './turn-cork.js';

/** A socket of Node as a stream whose two directions end on their own (`allowHalfOpen`). */
export class NodeStream implements HostStream {
  readonly #socket: Socket;
  readonly #cork: TurnCork;

  constructor(socket: Socket, handlers: HostStreamHandlers) {
    this.#socket = socket;
    this.#cork = new TurnCork(socket);
    socket.setNoDelay(true);
    let hasFailed = false;
    socket.on('data', (data) => handlers.received(data));
    socket.on('end', () => handlers.finished());
    socket.on('drain', () => handlers.drained());
    // `close` follows and tells it.
    socket.on('error', () => (hasFailed = true));
    socket.once('close', (hadError) => handlers.closed(!hadError && !hasFailed));
  }

  write(data: Uint8Array): boolean {
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    this.#cork.willWrite(data.byteLength);
    return this.#socket.write(data);
  }

  finish(): void {
    if (!this.#socket.destroyed) this.#socket.end();
  }

  abort(): void {
    if (!this.#socket.destroyed) this.#socket.resetAndDestroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}
