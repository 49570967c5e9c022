import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { AcceptHostStream } from '../network/host-network.js';
import { formatHostPort, type HostPort } from './host-port.js';
import { listenError } from './listen-error.js';
import { NodeStream } from './node-stream.js';

/** A TCP port of the host whose clients are handed to `accept`. */
export class StreamForward {
  /** Where it listens, with the port really bound. */
  readonly address: HostPort;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** Errors: rejects with one of `listen-error.ts`. */
  static async listen(address: HostPort, accept: AcceptHostStream): Promise<StreamForward> {
    // Paused until somebody listens: data before `accept` has returned would be lost.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, resolve);
      });
    } catch (cause) {
      throw listenError(address, cause);
    }
    return new StreamForward(server, address.host, accept);
  }

  private constructor(server: Server, host: string, accept: AcceptHostStream) {
    this.#server = server;
    this.address = { host, port: (server.address() as AddressInfo).port };
    // Out of file descriptors, say: the next client may have more luck.
    server.on('error', () => undefined);
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      const { remoteAddress: from = 'unknown', remotePort = 0 } = socket;
      let handlers: ReturnType<AcceptHostStream> | null = null;
      const stream = new NodeStream(socket, {
        received: (data) => handlers?.received(data),
        finished: () => handlers?.finished(),
        drained: () => handlers?.drained(),
        closed: (isClean) => handlers?.closed(isClean),
      });
      handlers = accept(stream, formatHostPort({ host: from, port: remotePort }));
      socket.resume();
    });
  }

  /** Stops listening and cuts the clients that are left: RST, so that none takes a part for the whole. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }
}

const BACKLOG = 1_024;
