import type { ClientRequest, IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Link, LinkConnector, LinkEnd, LinkHandlers } from '../host/link.js';
import { reasonOf } from './errno.js';
import { isLoopback } from './host-port.js';
import { printable } from './printable.js';
import { proofFor } from './secret-proof.js';
import type { SharedSecret } from './shared-secret.js';
import { CLOSE_MS_MAX, MESSAGE_BYTES_MAX, WsLink } from './ws-link.js';

export interface WsConnectorOptions {
  /** What both sides must speak; null asks for nothing, as the relays of other people expect. */
  readonly subprotocol: string | null;
  /** From the first packet to the open link. */
  readonly connectMsMax?: number;
  readonly messageBytesMax?: number;
  /** Proved to servers that ask for it. */
  readonly secret?: SharedSecret | null;
}

const REFUSAL_BYTES_MAX = 1024;
const challengeMsMax = 2_000;

/** Opens links to WebSocket endpoints. */
export class WsConnector implements LinkConnector {
  readonly #options: WsConnectorOptions;

  constructor(options: WsConnectorOptions) {
    this.#options = options;
  }

  connect(endpoint: string, handlers: LinkHandlers): Link {
    const { subprotocol, connectMsMax = 3_000 } = this.#options;
    const socket = this.#dial(endpoint);
    if (!(socket instanceof WebSocket)) return neverOpened(handlers, socket);

    const link = new WsLink(socket, endpoint);
    const giveUp = (how: LinkEnd): void => {
      link.end(how);
      socket.terminate();
    };
    const timer = setTimeout(() => {
      giveUp({ kind: 'unreachable', why: `${endpoint}: no answer within ${connectMsMax} ms` });
    }, connectMsMax);
    socket.once('upgrade', (response: IncomingMessage) => link.carriedBy(response.socket));
    socket.once('open', () => clearTimeout(timer));
    socket.once('close', () => clearTimeout(timer));
    socket.once('unexpected-response', (_request: ClientRequest, response: IncomingMessage) => {
      whyRefused(response, (said) => {
        const asked = subprotocol === null ? 'a WebSocket' : `a WebSocket of ${subprotocol}`;
        giveUp({ kind: 'protocol', why: `${endpoint}: asked for ${asked}, got ${said}` });
      });
    });
    link.attach(handlers, () => handlers.opened());
    return link;
  }

  /** The socket, or why there is no dialling that endpoint. */
  #dial(endpoint: string): WebSocket | LinkEnd {
    const { subprotocol, messageBytesMax = MESSAGE_BYTES_MAX, secret } = this.#options;
    const options = {
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
      closeTimeout: CLOSE_MS_MAX,
      ...(staysHere(endpoint) && { generateMask: maskNothing }),
      ...(secret && {
        finishRequest: (request: ClientRequest) => prove(request, secret, endpoint),
      }),
    };
    try {
      return new WebSocket(endpoint, subprotocol ?? [], options);
    } catch (error) {
      return { kind: 'protocol', why: `${printable(endpoint)}: ${reasonOf(error)}` };
    }
  }
}

/** Masks are for the caches on the way (RFC 6455 §10.3), and there are none within a machine. */
function staysHere(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false;
  return isLoopback(new URL(endpoint).hostname.replace(/^\[|\]$/g, ''));
}
/** To mask and to unmask takes longer than all else about a frame; with a mask of zeros nobody has to. */
function maskNothing(mask: Buffer): void {
  mask.fill(0);
}

/** Sends the request to upgrade once it carries the proof; destroyed, it fails as if refused. */
function prove(request: ClientRequest, secret: SharedSecret, endpoint: string): void {
  proofFor(secret, 'GET', endpoint, AbortSignal.timeout(challengeMsMax)).then(
    (proof) => {
      if (proof !== null) request.setHeader('authorization', proof);
      request.end();
    },
    (error: Error) => request.destroy(error),
  );
}

/** A link that was over before it began; told later, as every end is. */
function neverOpened(handlers: LinkHandlers, how: LinkEnd): Link {
  process.nextTick(() => handlers.ended(how));
  return {
    send: () => undefined,
    bufferedBytes: () => 0,
    pauseReading: () => undefined,
    resumeReading: () => undefined,
    close: () => undefined,
  };
}

/** The status of an HTTP answer and the start of its body: our listeners say there what is wrong. */
function whyRefused(response: IncomingMessage, done: (said: string) => void): void {
  let body = '';
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    if (body.length < REFUSAL_BYTES_MAX) body += text;
  });
  response.on('error', () => undefined);
  response.once('close', () => {
    const text = printable(body.trim());
    done(`HTTP ${response.statusCode ?? 0}${text === '' ? '' : `: ${text}`}`);
  });
}
