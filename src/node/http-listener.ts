import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Diagnostics } from '../host/diagnostics.js';
import { reasonOf } from './errno.js';
import { dialableHost, formatHostPort, type HostPort } from './host-port.js';
import { listenError } from './listen-error.js';
import { printable } from './printable.js';
import { refusalOf } from './request-guard.js';
import { CHALLENGE_PATH, Challenges, SECRET_SCHEME, type SharedSecret } from './shared-secret.js';

export interface HttpResponse {
  readonly status: number;
  /** Media type of `body`: `application/json`, `text/plain`. */
  readonly type: string;
  readonly body: string | Uint8Array;
}

/** Answers one request; `path` has no query string. Null means there is nothing by that name. */
export type HttpHandler = (
  method: string,
  path: string,
  body: Uint8Array,
) => HttpResponse | null | Promise<HttpResponse | null>;

/** Takes over the connection of a request to upgrade. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface HttpListenerOptions extends HostPort {
  /** Largest request body taken; above it the answer is 413. */
  readonly bodyBytesMax?: number;
  /** Connections at once, upgraded ones included; one more is closed unanswered. */
  readonly connectionsMax?: number;
  /** Every request must prove that it knows it; null or none: anybody may ask. */
  readonly secret?: SharedSecret | null;
}

// Our own clients send their request at once; whoever takes longer only holds a connection.
const REQUEST_MS_MAX = 10_000;

/**
 * One port that speaks HTTP: requests go to a handler, upgrades to whoever asked for their path
 * (`ws-listener.ts`).
 *
 * Errors: `listen` rejects with one of `listen-error.ts`. What a peer sends is answered or cut off,
 *         never thrown.
 */
export class HttpListener {
  /** `host:port` peers can dial, with the port really bound. */
  readonly address: string;
  readonly #server: Server;
  readonly #diagnostics: Diagnostics;
  readonly #bodyBytesMax: number;
  readonly #boundHost: string;
  readonly #challenges: Challenges | null;
  readonly #sockets = new Set<Socket>();
  readonly #upgrades = new Map<string, UpgradeHandler>();
  #handler: HttpHandler = () => null;

  /** Binds the port. Handlers set before the caller next awaits miss no request. */
  static async listen(
    diagnostics: Diagnostics,
    options: HttpListenerOptions,
  ): Promise<HttpListener> {
    const server = createServer({
      headersTimeout: REQUEST_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      connectionsCheckingInterval: 1_000,
    });
    server.maxConnections = options.connectionsMax ?? 256;
    const { host, port } = options;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, resolve);
      });
    } catch (cause) {
      throw listenError({ host, port }, cause);
    }
    return new HttpListener(diagnostics, server, options);
  }

  private constructor(diagnostics: Diagnostics, server: Server, options: HttpListenerOptions) {
    this.#diagnostics = diagnostics;
    this.#server = server;
    this.#bodyBytesMax = options.bodyBytesMax ?? 64 * 1024;
    this.#boundHost = options.host;
    this.#challenges = options.secret ? new Challenges(options.secret) : null;
    const bound = server.address() as AddressInfo;
    this.address = formatHostPort({ host: dialableHost(options.host), port: bound.port });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('error', (error) => diagnostics.warn('listener failed', { why: error.message }));
    server.on('request', (request, response) => void this.#answer(request, response));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Sets who answers plain requests; until then all of them get 404. */
  serve(handler: HttpHandler): void {
    this.#handler = handler;
  }

  /** Sends upgrades of `path` to `handler`; the returned function takes that back. */
  onUpgrade(path: string, handler: UpgradeHandler): () => void {
    this.#upgrades.set(path, handler);
    return () => this.#upgrades.delete(path);
  }

  /** Stops listening and cuts every connection, upgraded ones included. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request);
    // HEAD is GET whose body node:http leaves out.
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
    try {
      const refusal = refusalOf(request.headers, this.#boundHost);
      if (refusal !== null) return respond(response, plain(403, refusal));
      if (this.#challenges && method === 'GET' && path === CHALLENGE_PATH) {
        return respond(response, plain(200, this.#challenges.issue(performance.now())));
      }
      if (!this.#isProven(request, path)) {
        response.setHeader('WWW-Authenticate', SECRET_SCHEME);
        return respond(response, plain(401, notProven));
      }
      const body = await readBody(request, this.#bodyBytesMax);
      if (body === null) {
        response.shouldKeepAlive = false;
        return respond(response, plain(413, `a body may have ${this.#bodyBytesMax} bytes`));
      }
      respond(response, (await this.#handler(method, path, body)) ?? plain(404, 'no such path'));
    } catch (error) {
      if (request.destroyed && !request.complete) return;
      // One bad page must not stop a VM; the same request would stop its backup next.
      this.#diagnostics.error('request failed', { method, path, why: reasonOf(error) });
      if (!response.headersSent) respond(response, plain(500, 'internal error'));
    }
  }

  #isProven({ method = '', headers }: IncomingMessage, path: string): boolean {
    const { authorization = '' } = headers;
    return this.#challenges?.accepts(authorization, method, path, performance.now()) ?? true;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // From here on the connection is ours, and so is the error of a peer that goes away.
    socket.on('error', () => socket.destroy());
    const refusal = refusalOf(request.headers, this.#boundHost);
    if (refusal !== null) return refuseUpgrade(socket, 403, refusal);
    if (!this.#isProven(request, pathOf(request))) return refuseUpgrade(socket, 401, notProven);
    const handler = this.#upgrades.get(pathOf(request));
    if (!handler) return refuseUpgrade(socket, 404, `no WebSocket at ${pathOf(request)}`);
    handler(request, socket, head);
  }
}

const notProven = 'this server asks for proof of the shared secret (--secret-file)';

/** Answers a request to upgrade with an HTTP error whose body says why, and hangs up. */
export function refuseUpgrade(socket: Duplex, status: number, why: string): void {
  const body = `${printable(why)}\n`;
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function pathOf(request: IncomingMessage): string {
  return printable((request.url ?? '/').replace(/\?.*/, ''));
}

/** The whole body, or null as soon as it is longer than `bytesMax`. */
function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      chunks.push(chunk);
      if (bytes <= bytesMax) return;
      request.pause();
      resolve(null);
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
  });
}

function plain(status: number, body: string): HttpResponse {
  return { status, type: 'text/plain', body: `${body}\n` };
}

function respond(response: ServerResponse, { status, type, body }: HttpResponse): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
}
