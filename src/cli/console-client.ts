import {
  CONSOLE_SUBPROTOCOL,
  decodeConsoleOutput,
  encodeConsoleGreeting,
} from '../channel/console-codec.js';
import type { Link } from '../host/link.js';
import type { SharedSecret } from '../node/shared-secret.js';
import { WsConnector } from '../node/ws-connector.js';
import type { ConsoleOffset } from '../units.js';

export interface ConsoleClientHandlers {
  /** Console bytes, each exactly once, in order, across any number of failovers (§2.2's rule on). */
  readonly output: (bytes: Uint8Array) => void;
  /** Linked to a live replica. */
  readonly connected: (api: string) => void;
  readonly disconnected: () => void;
}

/**
 * A console that outlives the replicas it is linked to: when one ends it looks for the live one and
 * goes on at the same byte.
 */
export class ConsoleClient {
  readonly #findLive: () => Promise<string | null>;
  readonly #handlers: ConsoleClientHandlers;
  readonly #connector: WsConnector;
  #link: Link | null = null;
  #next: ConsoleOffset = 0;
  #isClosed = false;
  #retry: NodeJS.Timeout | null = null;

  /** `findLive` tells the API (`http://host:port`) of whoever may be live now. */
  constructor(
    findLive: () => Promise<string | null>,
    handlers: ConsoleClientHandlers,
    secret: SharedSecret | null = null,
  ) {
    const subprotocol = CONSOLE_SUBPROTOCOL;
    this.#connector = new WsConnector({ subprotocol, connectMsMax: 1000, secret });
    this.#findLive = findLive;
    this.#handlers = handlers;
  }

  start(): void {
    void this.#connect();
  }

  /** Typed while nobody is linked is dropped, and answers false. */
  type(bytes: Uint8Array): boolean {
    this.#link?.send(bytes);
    return this.#link !== null;
  }

  /** Bytes before this offset have been handed out. */
  get offset(): ConsoleOffset {
    return this.#next;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#retry) clearTimeout(this.#retry);
    this.#link?.close();
  }

  async #connect(): Promise<void> {
    const api = await this.#findLive();
    if (this.#isClosed) return;
    if (api === null) return this.#again();
    const link = this.#connector.connect(`${api.replace(/^http/, 'ws')}/console`, {
      opened: () => {
        link.send(encodeConsoleGreeting(this.#next));
        this.#link = link;
        this.#handlers.connected(api);
      },
      received: (message) => this.#received(message),
      ended: () => {
        if (this.#link === link) this.#handlers.disconnected();
        this.#link = null;
        if (!this.#isClosed) this.#again();
      },
    });
  }

  #received(message: Uint8Array): void {
    const output = decodeConsoleOutput(message);
    if (!output) return;
    const { offset, bytes } = output;
    if (bytes.byteLength === 0 && offset < this.#next) {
      // The console went back in time: what we were shown never happened.
      this.#next = offset;
      return;
    }
    const seen = Math.max(0, this.#next - offset);
    if (seen >= bytes.byteLength) return;
    this.#next = offset + bytes.byteLength;
    this.#handlers.output(bytes.subarray(seen));
  }

  #again(): void {
    this.#retry = setTimeout(() => void this.#connect(), retryMs);
  }
}

// A failover takes a few ms; a client that looked once a second would measure itself.
const retryMs = 2;
