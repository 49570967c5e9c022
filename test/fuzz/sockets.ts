import { connect } from 'node:net';
import { LOG_SUBPROTOCOL } from '../../src/channel/wire-message.js';
import { VirtualSwitch } from '../../src/network/virtual-switch.js';
import { askApi } from '../../src/node/api-client.js';
import { HttpListener } from '../../src/node/http-listener.js';
import { refusalOf } from '../../src/node/request-guard.js';
import { Challenges, SharedSecret } from '../../src/node/shared-secret.js';
import { serveSwitch } from '../../src/node/ws-switch-server.js';
import { WsListener } from '../../src/node/ws-listener.js';
import type { Prng } from '../../src/sim/prng.js';
import { VirtualClock } from '../network/virtual-clock.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';
import { joined, mutateBytes, mutateText, randomBytes } from './mutator.js';
import { insist, type FuzzTarget } from './target.js';

/** One port with all that listens on it: requests, the logging channel, a switch. */
class Server {
  static #current: Promise<Server> | null = null;
  readonly diagnostics = new SilentDiagnostics();
  readonly http: HttpListener;
  received = 0;

  private constructor(http: HttpListener) {
    this.http = http;
    http.serve((_method, path) =>
      path === '/status' ? { status: 200, type: 'text/plain', body: 'here' } : null,
    );
    serveSwitch(http, new VirtualSwitch(new VirtualClock(), () => undefined));
    new WsListener(http, { subprotocol: LOG_SUBPROTOCOL, path: '/log' }, () => ({
      received: () => (this.received += 1),
      ended: () => undefined,
    }));
  }

  static get(): Promise<Server> {
    Server.#current ??= Server.#start();
    return Server.#current;
  }
  static async #start(): Promise<Server> {
    const options = { host: '127.0.0.1', port: 0 };
    return new Server(await HttpListener.listen(new SilentDiagnostics(), options));
  }
  static async close(): Promise<void> {
    const server = await Server.#current;
    Server.#current = null;
    await server?.http.close();
  }

  /** Sends the bytes, in pieces, hangs up; resolves with what came back. */
  talk(pieces: readonly Uint8Array[]): Promise<string> {
    const { port } = new URL(`http://${this.http.address}`);
    return new Promise((resolve) => {
      let answer = '';
      const socket = connect(Number(port), '127.0.0.1', () => {
        for (const piece of pieces) socket.write(piece);
        socket.end();
      });
      socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
      socket.on('error', () => undefined).once('close', () => resolve(answer));
    });
  }
}

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const requests = [
  'GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  'POST /stop HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nstop',
  'POST /stop HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nstop\r\n0\r\n\r\n',
  'GET /console HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
].map(ascii);

function upgrade(path: string, subprotocol: string): Uint8Array {
  return ascii(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${subprotocol}\r\n`,
  );
}

/** A WebSocket frame of a client, masked with zeros. */
function webSocketFrame(chance: Prng): Uint8Array {
  const opcode = chance.pick([0x82, 0x82, 0x82, 0x81, 0x02, 0x80, 0x88, 0x89, 0x8a, 0xf2, 0x83]);
  const payload = randomBytes(chance, chance.pick([0, 14, 60, 125]));
  const length = chance.chance(0.9) ? payload.byteLength : chance.pick([126, 127, 0]);
  return joined(Uint8Array.of(opcode, 0x80 | length, 0, 0, 0, 0), payload);
}

async function insistHealthy(server: Server): Promise<void> {
  const answer = await askApi('GET', `http://${server.http.address}/status`);
  insist(answer?.status === 200, 'the server still answers whoever behaves');
}

export const socketTargets: readonly FuzzTarget[] = [
  {
    name: 'http',
    share: 2,
    run: async (chance) => {
      const server = await Server.get();
      const answer = await server.talk([mutateBytes(chance, requests)]);
      insist(!answer.startsWith('HTTP/1.1 500'), 'no request is an internal error');
      if (chance.chance(0.05)) await insistHealthy(server);
      return answer.startsWith('HTTP/1.1 2') ? 'taken' : 'refused';
    },
    close: () => Server.close(),
  },
  {
    name: 'websocket',
    share: 2,
    run: async (chance) => {
      const server = await Server.get();
      const head = chance.chance(0.5)
        ? upgrade('/', '')
        : upgrade('/log', `Sec-WebSocket-Protocol: ${LOG_SUBPROTOCOL}\r\n`);
      const frames = Array.from({ length: chance.whole(0, 6) }, () => webSocketFrame(chance));
      const isDamaged = chance.chance(0.5);
      const stream = joined(...frames);
      const body = isDamaged && stream.byteLength > 0 ? mutateBytes(chance, [stream]) : stream;
      const answer = await server.talk([
        chance.chance(0.9) ? head : mutateBytes(chance, [head]),
        body,
      ]);
      if (chance.chance(0.05)) await insistHealthy(server);
      return answer.startsWith('HTTP/1.1 101') ? 'taken' : 'refused';
    },
    close: () => Server.close(),
  },
  {
    name: 'proof',
    share: 10,
    run: (chance) => {
      // The nonce is drawn anew each time: of all cases, only these repeat with other digits.
      const secret = new SharedSecret(Buffer.alloc(16));
      const challenges = new Challenges(secret);
      const proof = secret.authorization(challenges.issue(0), 'GET', '/');
      const strange = mutateText(chance, [proof]);
      const isProven = challenges.accepts(strange, 'GET', '/', 0);
      insist(isProven === (strange === proof), 'only the proof itself is one');
      insist(!challenges.accepts(strange, 'GET', '/', 0), 'a proof is good once');
      return isProven ? 'taken' : 'refused';
    },
  },
  {
    name: 'origin',
    share: 10,
    run: (chance) => {
      const page = ['http://localhost:8080', 'http://evil.example'];
      const origin = chance.chance(0.3) ? chance.pick(page) : mutateText(chance, page);
      const hosts = ['localhost:8080', 'evil.example', '[::1]:80'];
      const host = chance.chance(0.3) ? chance.pick(hosts) : mutateText(chance, hosts);
      return refusalOf({ origin, host }, '127.0.0.1') === null ? 'taken' : 'refused';
    },
  },
];
