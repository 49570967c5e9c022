import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Link, LinkEnd } from '../../src/host/link.js';
import { HttpListener } from '../../src/node/http-listener.js';
import { endOfError } from '../../src/node/link-end.js';
import { WsConnector, type WsConnectorOptions } from '../../src/node/ws-connector.js';
import { WsListener, type WsListenerOptions } from '../../src/node/ws-listener.js';
import { LinkRecorder } from '../contract/link-recorder.js';
import { SilentDiagnostics } from './silent-diagnostics.js';

const subprotocol = 'ftvm-test.v1';

/** A listener of ours and what each link it took was told, by order of arrival. */
async function ourListener(options: Partial<WsListenerOptions> = {}): Promise<{
  readonly http: HttpListener;
  readonly endpoint: string;
  readonly takers: LinkRecorder[];
  readonly links: Link[];
  readonly from: string[];
}> {
  const http = await HttpListener.listen(new SilentDiagnostics(), { host: '127.0.0.1', port: 0 });
  onTestFinished(() => http.close());
  const [takers, links, from]: [LinkRecorder[], Link[], string[]] = [[], [], []];
  const { endpoint } = new WsListener(http, { subprotocol, ...options }, (link, peer) => {
    links.push(link);
    from.push(peer);
    const taker = new LinkRecorder();
    takers.push(taker);
    return taker;
  });
  return { http, endpoint, takers, links, from };
}

/** Dials, and answers how it ended. */
async function endAt(
  endpoint: string,
  options: Partial<WsConnectorOptions> = {},
): Promise<LinkEnd> {
  const dialler = new LinkRecorder();
  new WsConnector({ subprotocol, ...options }).connect(endpoint, dialler);
  const end = await dialler.end();
  expect(dialler.ends).toHaveLength(1);
  return end;
}

async function openLink(
  endpoint: string,
  options: Partial<WsConnectorOptions> = {},
): Promise<{ readonly link: Link; readonly dialler: LinkRecorder }> {
  const dialler = new LinkRecorder();
  const link = new WsConnector({ subprotocol, ...options }).connect(endpoint, dialler);
  onTestFinished(() => link.close());
  await dialler.openedLink();
  return { link, dialler };
}

/** A stranger with a plain WebSocket. */
async function rawClient(endpoint: string, options = {}): Promise<WebSocket> {
  const client = new WebSocket(endpoint, subprotocol, options);
  client.on('error', () => undefined);
  await new Promise((resolve, reject) => client.once('open', resolve).once('close', reject));
  onTestFinished(() => client.terminate());
  return client;
}

async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a message on its way to a server', () => {
  /** The mask of the first message that arrives, as it is on the wire. */
  async function maskOf(host: string): Promise<Buffer> {
    const server = createHttpServer();
    const sockets = new WebSocketServer({ server, handleProtocols: () => subprotocol });
    onTestFinished(() => sockets.close());
    const mask = new Promise<Buffer>((resolve) => {
      sockets.on('connection', (_client, request) => {
        request.socket.once('data', (bytes: Buffer) => {
          expect((bytes[1] ?? 0) >> 7).toBe(1);
          resolve(bytes.subarray(2, 6));
        });
      });
    });
    const { port } = new URL(await listening(server));
    const { link } = await openLink(`ws://${host}:${port}`);
    link.send(new Uint8Array(100));
    return mask;
  }

  it('has a mask that changes nothing, within this machine', async () => {
    expect(await maskOf('127.0.0.1')).toEqual(Buffer.alloc(4));
  });

  it('has a mask that nobody can guess, to wherever else', async () => {
    // An address that leads here and is none of those that only lead here.
    expect(await maskOf('0.0.0.0')).not.toEqual(Buffer.alloc(4));
  });
});

describe('a listener, facing strangers', () => {
  it('ends a link at a text frame and says so to both', async () => {
    const { endpoint, takers } = await ourListener();
    const client = await rawClient(endpoint);
    const closed = new Promise<number>((resolve) => client.once('close', resolve));
    client.send('hello');
    client.send(Uint8Array.of(1));
    expect(await takers[0]?.end()).toEqual({
      kind: 'protocol',
      why: expect.stringContaining('text frame') as string,
    });
    expect(await closed).toBe(1003);
    expect(takers[0]?.story).toEqual(['ended']);
  });

  it('ends a link at a message over the limit', async () => {
    const { endpoint, takers } = await ourListener({ messageBytesMax: 1000 });
    const { link, dialler } = await openLink(endpoint);
    link.send(new Uint8Array(1000));
    link.send(new Uint8Array(1001));
    expect(await takers[0]?.end()).toMatchObject({ kind: 'protocol' });
    expect(await dialler.end()).toEqual({
      kind: 'protocol',
      why: `${endpoint} ended the link: our message was too big for it`,
    });
    expect(takers[0]?.messages).toHaveLength(1);
  });

  it('refuses another subprotocol, and names both', async () => {
    const { endpoint, takers } = await ourListener();
    const end = await endAt(endpoint, { subprotocol: 'ftvm-log.v99' });
    expect(end).toMatchObject({ kind: 'protocol' });
    for (const word of ['ftvm-log.v99', subprotocol, 'HTTP 400']) {
      expect(JSON.stringify(end)).toContain(word);
    }
    expect(await endAt(endpoint, { subprotocol: null })).toMatchObject({ kind: 'protocol' });
    expect(takers).toEqual([]);
  });

  it('refuses a path where there is no WebSocket', async () => {
    const { endpoint } = await ourListener({ path: '/log' });
    expect(endpoint).toMatch(/\/log$/);
    const end = await endAt(endpoint.replace('/log', '/other'));
    expect(end).toMatchObject({
      kind: 'protocol',
      why: expect.stringContaining('HTTP 404: no WebSocket at /other') as string,
    });
  });

  it('refuses one link too many, and takes the next when one has gone', async () => {
    const { endpoint, takers } = await ourListener({ linksMax: 2 });
    const { link } = await openLink(endpoint);
    await openLink(endpoint);
    expect(await endAt(endpoint)).toMatchObject({
      kind: 'protocol',
      why: expect.stringContaining('HTTP 503') as string,
    });
    link.close();
    await takers[0]?.end();
    await openLink(endpoint);
  });

  it('takes no compression, whoever offers it', async () => {
    const { endpoint } = await ourListener();
    expect((await rawClient(endpoint, { perMessageDeflate: true })).extensions).toBe('');
  });

  it('survives garbage, half a request and half a frame, and still takes links', async () => {
    const { endpoint, takers } = await ourListener();
    const port = Number(new URL(endpoint).port);
    const handshake =
      `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`;
    const attacks = [
      randomBytes(5000),
      Buffer.from('GET / HTTP/1.1\r\nHost:'),
      Buffer.from(`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`),
      Buffer.from(handshake.replace('13', '99')),
      // A masked frame that promises 2^63 bytes; one with reserved bits; one that breaks off.
      Buffer.concat([
        Buffer.from(handshake),
        Buffer.from([0x82, 0xff, 0x80, ...Array(11).fill(0)]),
      ]),
      Buffer.concat([Buffer.from(handshake), Buffer.from([0xf2, 0x80, 0, 0, 0, 0])]),
      Buffer.concat([Buffer.from(handshake), Buffer.from([0x82, 0xa0, 1, 2, 3, 4, 5])]),
    ];
    for (const bytes of attacks) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      socket.end(bytes);
      await new Promise((resolve) => socket.once('close', resolve));
    }
    for (const taker of takers) {
      await taker.end();
      expect(taker.story).toEqual(['ended']);
    }
    const { link } = await openLink(endpoint);
    link.send(Uint8Array.of(1));
    expect(await takers.at(-1)?.nextMessages(1)).toEqual([Uint8Array.of(1)]);
  });

  it('ends a link as closed when its peer is cut off', async () => {
    const { endpoint, takers } = await ourListener();
    (await rawClient(endpoint)).terminate();
    expect(await takers[0]?.end()).toEqual({ kind: 'closed' });
  });

  it('cuts every link when its port closes, paused ones too', async () => {
    const { http, endpoint, takers, links } = await ourListener();
    const { dialler } = await openLink(endpoint);
    await openLink(endpoint);
    links[1]?.pauseReading();
    await http.close();
    expect(await dialler.end()).toEqual({ kind: 'closed' });
    for (const taker of takers) expect(await taker.end()).toEqual({ kind: 'closed' });
  });

  it('tells where a link comes from', async () => {
    const { endpoint, from } = await ourListener();
    await openLink(endpoint);
    expect(from[0]).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('takes links without a subprotocol where it asks for none', async () => {
    const { endpoint, takers } = await ourListener({ subprotocol: null, path: '/frames' });
    const { link } = await openLink(endpoint, { subprotocol: null });
    link.send(Uint8Array.of(9));
    expect(await takers[0]?.nextMessages(1)).toEqual([Uint8Array.of(9)]);
    await openLink(endpoint, { subprotocol: 'binary' });
  });

  it('serves several paths with subprotocols of their own on one port', async () => {
    const { http, endpoint, takers } = await ourListener();
    const atConsole = new LinkRecorder();
    const options = { subprotocol: 'ftvm-console.v1', path: '/console' };
    const console = new WsListener(http, options, () => atConsole);
    const { link } = await openLink(console.endpoint, { subprotocol: 'ftvm-console.v1' });
    link.send(Uint8Array.of(1));
    await atConsole.nextMessages(1);
    expect(await endAt(console.endpoint)).toMatchObject({ kind: 'protocol' });
    await openLink(endpoint);
    expect(takers).toHaveLength(1);
  });
});

describe('a connector, facing strangers', () => {
  it('ends at a text frame', async () => {
    const server = new WebSocketServer({ noServer: true });
    const http = createHttpServer().on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (client) => client.send('hello'));
    });
    expect(await endAt(await listening(http))).toMatchObject({
      kind: 'protocol',
      why: expect.stringContaining('text frame') as string,
    });
  });

  it('ends at a message over its limit', async () => {
    const { endpoint, links, takers } = await ourListener();
    const { dialler } = await openLink(endpoint, { messageBytesMax: 1000 });
    links[0]?.send(new Uint8Array(1001));
    expect(await dialler.end()).toMatchObject({ kind: 'protocol' });
    expect(await takers[0]?.end()).toMatchObject({ kind: 'protocol' });
  });

  it('ends where the server picks no subprotocol', async () => {
    const server = new WebSocketServer({ noServer: true, handleProtocols: () => false });
    const http = createHttpServer().on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head, () => undefined);
    });
    expect(await endAt(await listening(http))).toMatchObject({
      kind: 'protocol',
      why: expect.stringContaining('subprotocol') as string,
    });
  });

  it.each([200, 301, 404, 500])('ends at a plain web server that answers %i', async (status) => {
    const http = createHttpServer((_, response) => {
      response.writeHead(status, { Location: 'http://127.0.0.1:1/' }).end('some\u001b[2J page');
    });
    const end = await endAt(await listening(http));
    expect(end).toMatchObject({ kind: 'protocol' });
    expect(JSON.stringify(end)).toContain(`HTTP ${status}: some?[2J page`);
  });

  it('ends at a server that speaks no HTTP', async () => {
    const server = createServer((socket) => socket.end('220 mail.example ESMTP\r\n'));
    expect(await endAt(await listening(server))).toMatchObject({ kind: 'protocol' });
  });

  it('ends as closed where the connection is dropped at once', async () => {
    const server = createServer((socket) => socket.destroy());
    expect(await endAt(await listening(server))).toEqual({ kind: 'closed' });
  });

  it('gives up where nobody answers', async () => {
    const server = createServer(() => undefined);
    const endpoint = await listening(server);
    expect(await endAt(endpoint, { connectMsMax: 50 })).toEqual({
      kind: 'unreachable',
      why: `${endpoint}: no answer within 50 ms`,
    });
  });

  it.each(['', 'nonsense', 'ftp://127.0.0.1:1', 'ws://127.0.0.1:99999', 'ws://127.0.0.1:1/#x'])(
    'ends at an endpoint that is none: %j',
    async (endpoint) => {
      expect(await endAt(endpoint)).toMatchObject({ kind: 'protocol' });
    },
  );

  it('is refused on a name with several addresses when all of them refuse', async () => {
    const server = createServer();
    const { port } = new URL(await listening(server));
    await new Promise((resolve) => server.close(resolve));
    expect(await endAt(`ws://localhost:${port}`)).toEqual({ kind: 'refused' });
  });

  it('sends what was given before the link opened, first and in order', async () => {
    const { endpoint, takers } = await ourListener();
    const dialler = new LinkRecorder();
    const link = new WsConnector({ subprotocol }).connect(endpoint, dialler);
    onTestFinished(() => link.close());
    link.send(Uint8Array.of(1));
    link.send(Uint8Array.of(2));
    expect(link.bufferedBytes()).toBe(2);
    await dialler.openedLink();
    link.send(Uint8Array.of(3));
    const messages = (await takers[0]?.nextMessages(3)) ?? [];
    expect(messages.map(([byte]) => byte)).toEqual([1, 2, 3]);
  });

  it('takes part in its own close although it had stopped reading', async () => {
    const { endpoint, links } = await ourListener();
    const { link, dialler } = await openLink(endpoint);
    link.pauseReading();
    links[0]?.send(new Uint8Array(100_000));
    // No time passes, so only the answer of the peer can end the link.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    link.close();
    expect(await dialler.end()).toEqual({ kind: 'closed' });
    expect(dialler.messages).toEqual([]);
  });

  it('closes in bounded time when its peer has stopped', async () => {
    const { endpoint, links } = await ourListener();
    const { link, dialler } = await openLink(endpoint);
    // As a stopped process: it neither reads nor answers.
    links[0]?.pauseReading();
    link.close();
    expect(await dialler.end()).toEqual({ kind: 'closed' });
  });
});

describe('errors on the way', () => {
  const failure = (code: string): Error =>
    Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect' });

  it.each([
    ['ECONNREFUSED', 'refused'],
    ['ECONNRESET', 'closed'],
    ['EPIPE', 'closed'],
    ['ENETUNREACH', 'unreachable'],
    ['EHOSTUNREACH', 'unreachable'],
    ['ETIMEDOUT', 'unreachable'],
    ['ENOTFOUND', 'unreachable'],
    ['EMFILE', 'unreachable'],
  ])('%s ends a link as %s', (code, kind) => {
    expect(endOfError(failure(code), 'ws://there')).toMatchObject({ kind });
  });

  it.each([
    [['ECONNREFUSED', 'ECONNREFUSED'], 'refused'],
    // A host without IPv6: the one address there is refuses.
    [['EADDRNOTAVAIL', 'ECONNREFUSED'], 'refused'],
    // The process may well live behind the address that did not answer.
    [['ECONNREFUSED', 'ETIMEDOUT'], 'unreachable'],
    [['ENETUNREACH', 'EHOSTUNREACH'], 'unreachable'],
  ])('a name whose addresses say %j ends it as %s', (codes, kind) => {
    expect(endOfError(new AggregateError(codes.map(failure)), 'ws://there')).toMatchObject({
      kind,
    });
  });
});
