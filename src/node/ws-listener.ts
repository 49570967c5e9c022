import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { AcceptLink, LinkListener } from '../host/link.js';
import { formatHostPort } from './host-port.js';
import { refuseUpgrade, type HttpListener } from './http-listener.js';
import { CLOSE_MS_MAX, MESSAGE_BYTES_MAX, WsLink } from './ws-link.js';

export interface WsListenerOptions {
  /** What both sides must speak; null takes any, as clients of other people need. */
  readonly subprotocol: string | null;
  /** The path of the endpoint, `/` unless given. */
  readonly path?: string;
  readonly messageBytesMax?: number;
  /** Links at once; one more is refused with HTTP 503. */
  readonly linksMax?: number;
}

/**
 * Takes links at one path of an HTTP port. The port outlives it: other paths and plain requests are
 * served beside it, and `HttpListener.close` cuts whatever is left.
 */
export class WsListener implements LinkListener {
  readonly endpoint: string;
  readonly #server: WebSocketServer;
  readonly #subprotocol: string | null;
  readonly #linksMax: number;
  readonly #accept: AcceptLink;
  readonly #links = new Map<WebSocket, WsLink>();
  readonly #leave: () => void;

  constructor(http: HttpListener, options: WsListenerOptions, accept: AcceptLink) {
    const { subprotocol, path = '/', messageBytesMax = MESSAGE_BYTES_MAX } = options;
    this.endpoint = `ws://${http.address}${path === '/' ? '' : path}`;
    this.#subprotocol = subprotocol;
    this.#linksMax = options.linksMax ?? 64;
    this.#accept = accept;
    const serverOptions = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
      closeTimeout: CLOSE_MS_MAX,
      ...(subprotocol !== null && { handleProtocols: () => subprotocol }),
    };
    this.#server = new WebSocketServer(serverOptions);
    this.#leave = http.onUpgrade(path, (request, socket, head) => {
      this.#upgrade(request, socket, head);
    });
  }

  /** Takes no more links and closes those it took; resolves when the last one is gone. */
  async close(): Promise<void> {
    this.#leave();
    const gone = [...this.#links].map(([socket, link]) => {
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      link.close();
      return closed;
    });
    await Promise.all(gone);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const offered = request.headers['sec-websocket-protocol'] ?? '';
    const wanted = this.#subprotocol;
    if (wanted !== null && !offered.split(/\s*,\s*/).includes(wanted)) {
      const spoken = offered === '' ? 'no subprotocol' : offered;
      return refuseUpgrade(
        socket,
        400,
        `this endpoint speaks ${wanted}, the request named ${spoken}`,
      );
    }
    if (this.#links.size >= this.#linksMax) {
      return refuseUpgrade(socket, 503, `this endpoint already has ${this.#linksMax} links`);
    }
    const { remoteAddress = 'unknown', remotePort = 0 } = request.socket;
    const from = formatHostPort({ host: remoteAddress, port: remotePort });
    request.socket.setNoDelay(true);
    this.#server.handleUpgrade(request, socket, head, (webSocket) =>
      this.#take(webSocket, socket, from),
    );
  }

  #take(webSocket: WebSocket, socket: Duplex, from: string): void {
    const link = new WsLink(webSocket, from);
    link.carriedBy(socket);
    this.#links.set(webSocket, link);
    webSocket.once('close', () => this.#links.delete(webSocket));
    link.attach(this.#accept(link, from));
  }
}
