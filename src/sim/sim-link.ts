import type { Link, LinkEnd, LinkHandlers } from '../host/link.js';
import { retransmitMs, type SimNetwork } from './sim-network.js';
import type { SimProcess } from './sim-process.js';

/**
 * One end of a link: whole messages, in order, like a WebSocket over TCP.
 *
 * Shape:  each end owns the queue of what travels to it. A cut wire delays the queue; the end of a
 *         process cuts it off somewhere and resets the link; a close lets it run out first.
 */
export class SimLinkEnd implements Link {
  readonly process: SimProcess;
  handlers: Omit<LinkHandlers, 'opened'> | null;
  readonly #whenOpened: () => void;
  #isOpen: boolean;
  readonly #network: SimNetwork;
  readonly #peerHost: string;
  #peer: SimLinkEnd | null = null;
  /** Sent before the link was open. */
  #early: Uint8Array[] = [];
  #arriving: Arrival[] = [];
  #arrivingBytes = 0;
  #lastArrivalAtMs = 0;
  #isPumping = false;
  #isReadingPaused = false;
  #isClosing = false;
  #isOver = false;

  constructor(
    network: SimNetwork,
    process: SimProcess,
    peerHost: string,
    handlers: LinkHandlers | null,
  ) {
    this.#network = network;
    this.process = process;
    this.#peerHost = peerHost;
    this.handlers = handlers;
    this.#whenOpened = () => handlers?.opened();
    this.#isOpen = handlers === null;
  }

  static join(client: SimLinkEnd, server: SimLinkEnd): void {
    client.#peer = server;
    server.#peer = client;
    client.arrive({ kind: 'opened' });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  send(message: Uint8Array): void {
    this.process.act(() => {
      if (this.#isClosing || this.#isOver) return;
      if (this.#peer) this.#peer.arrive({ kind: 'message', message });
      else this.#early.push(message);
    });
  }

  bufferedBytes(): number {
    return this.#peer ? this.#peer.#arrivingBytes : 0;
  }

  pauseReading(): void {
    this.#isReadingPaused = true;
  }
  resumeReading(): void {
    this.#isReadingPaused = false;
    this.#pump();
  }

  close(): void {
    this.process.act(() => {
      if (this.#isClosing || this.#isOver) return;
      this.#isClosing = true;
      this.#network.timeline.isUnsettled = true;
      this.#isReadingPaused = false;
      this.#peer?.arrive({ kind: 'closed' });
      // The peer answers a close with its own; who waits too long for it gives up.
      this.#network.timeline.after(this.#peer ? closeMsMax : 0, () => this.end({ kind: 'closed' }));
    });
  }

  /** Ends the link here, if it has not ended yet; told to the process, once. */
  end(how: LinkEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#arriving = [];
    this.#network.forget(this);
    this.process.enter(() => {
      // Who followed over it looks for another.
      this.#network.timeline.isUnsettled = true;
      this.handlers?.ended(how);
    });
  }

  /** What its kernel had not sent yet dies with it, or not. */
  processDied(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#network.forget(this);
    const peer = this.#peer;
    if (!peer) return;
    const { prng } = this.#network;
    if (this.process.wasKilled) peer.#arriving.length = prng.whole(0, peer.#arriving.length);
    if (!this.#network.isDark(this.process.host)) peer.arrive({ kind: 'closed' });
  }

  /** Both ends learn that the link is over; what was under way is lost. */
  reset(): void {
    if (this.#peer) {
      this.#peer.#arriving = [];
      this.#peer.arrive({ kind: 'closed' });
    }
    this.end({ kind: 'closed' });
  }

  arrive(arrival: ArrivalWithoutTime): void {
    if (this.#isOver) return;
    const { timeline } = this.#network;
    const delayMs = this.#network.delayMs(this.#peerHost, this.process.host);
    this.#lastArrivalAtMs = Math.max(this.#lastArrivalAtMs, timeline.nowMs + delayMs);
    this.#arriving.push({ ...arrival, atMs: this.#lastArrivalAtMs });
    if (arrival.kind === 'message') this.#weigh(arrival.message.byteLength);
    this.#pump();
  }

  #weigh(bytes: number): void {
    this.#arrivingBytes += bytes;
    if (this.#arrivingBytes > this.#network.linkBytesMax) {
      this.#network.onOverfull(this.#peerHost, this.#arrivingBytes);
    }
  }

  #pump(): void {
    const [first] = this.#arriving;
    if (!first || this.#isPumping || this.#isReadingPaused || this.#isOver) return;
    this.#isPumping = true;
    const { timeline } = this.#network;
    timeline.at(first.atMs, () => this.#deliver());
  }

  #deliver(): void {
    this.#isPumping = false;
    if (this.#isReadingPaused || this.#isOver) return;
    const [from, to] = [this.#peerHost, this.process.host];
    if (from !== to && this.#network.wire(from, to).isChannelCut) {
      this.#isPumping = true;
      this.#network.timeline.after(retransmitMs, () => this.#deliver());
      return;
    }
    const arrival = this.#arriving.shift();
    if (!arrival) return;
    // What comes after a resume that is still pending waits in the process, in order.
    switch (arrival.kind) {
      case 'message': {
        this.#arrivingBytes -= arrival.message.byteLength;
        const message = this.#network.carry(arrival.message);
        this.process.enter(() => {
          if (!this.#isClosing && !this.#isOver) this.handlers?.received(message);
        });
        break;
      }
      case 'opened':
        this.process.enter(() => this.#opened());
        break;
      case 'closed':
        this.#peer?.end({ kind: 'closed' });
        this.end({ kind: 'closed' });
        break;
    }
    this.#pump();
  }

  giveUpConnecting(): void {
    if (this.#isOpen) return;
    this.end({ kind: 'unreachable', why: `${this.#peerHost} does not answer` });
  }

  #opened(): void {
    this.#isOpen = true;
    for (const message of this.#early.splice(0)) {
      this.#peer?.arrive({ kind: 'message', message });
    }
    if (!this.#isClosing) this.#whenOpened();
  }
}

type ArrivalWithoutTime =
  | { readonly kind: 'opened' }
  | { readonly kind: 'message'; readonly message: Uint8Array }
  | { readonly kind: 'closed' };
type Arrival = ArrivalWithoutTime & { readonly atMs: number };

const closeMsMax = 2000;
