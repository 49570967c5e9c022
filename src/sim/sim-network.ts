import type { DatagramReceived, Datagrams } from '../host/datagrams.js';
import type { AcceptLink, Link, LinkConnector, LinkHandlers } from '../host/link.js';
import type { Prng } from './prng.js';
import { SimDatagrams } from './sim-datagrams.js';
import { SimLinkEnd } from './sim-link.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';

/** What the weather is like on every wire. Rates are probabilities per message. */
export interface NetworkWeather {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** Of datagrams; a link sends again what is lost. */
  readonly lossRate: number;
  readonly duplicateRate: number;
  /** Of messages on links: a bit flipped, or the end missing. */
  readonly damageRate: number;
}

/** One direction between two hosts. */
export interface Wire {
  isChannelCut: boolean;
  areDatagramsCut: boolean;
  extraDelayMs: number;
}

/**
 * Links and datagrams between the hosts of a world.
 *
 * Shape:  a wire per direction and pair of hosts. A cut wire holds what is on a link, as TCP does,
 *         and loses datagrams. A host without power neither answers nor refuses.
 */
export class SimNetwork {
  readonly timeline: Timeline;
  readonly prng: Prng;
  readonly #weather: NetworkWeather;
  readonly #wires = new Map<string, Wire>();
  readonly #listeners = new Map<string, { process: SimProcess; accept: AcceptLink }>();
  readonly #sockets = new Map<string, { process: SimProcess; received: DatagramReceived }>();
  readonly #darkHosts = new Set<string>();
  readonly #links = new Set<SimLinkEnd>();
  /** More is under way to one end of a link than that many bytes. */
  linkBytesMax = Number.POSITIVE_INFINITY;
  onOverfull: (from: string, bytes: number) => void = () => undefined;
  /** Damage stops when the faults do. */
  isCalm = false;

  constructor(timeline: Timeline, prng: Prng, weather: NetworkWeather) {
    this.timeline = timeline;
    this.prng = prng;
    this.#weather = weather;
  }

  wire(from: string, to: string): Wire {
    const name = `${from}>${to}`;
    let wire = this.#wires.get(name);
    if (!wire) {
      wire = { isChannelCut: false, areDatagramsCut: false, extraDelayMs: 0 };
      this.#wires.set(name, wire);
    }
    return wire;
  }

  /** Whether a link between these hosts would carry anything, both ways. */
  canTalk(a: string, b: string): boolean {
    if (this.isDark(a) || this.isDark(b)) return false;
    return a === b || !(this.wire(a, b).isChannelCut || this.wire(b, a).isChannelCut);
  }

  delayMs(from: string, to: string): number {
    if (from === to) return 0.02;
    const { delayMsMin, delayMsMax } = this.#weather;
    return this.prng.between(delayMsMin, delayMsMax) + this.wire(from, to).extraDelayMs;
  }

  // --- links ---------------------------------------------------------------------------------

  listen(process: SimProcess, endpoint: string, accept: AcceptLink): void {
    this.#listeners.set(endpoint, { process, accept });
    process.whenDead(() => {
      this.#listeners.delete(endpoint);
      for (const link of this.#links) if (link.process === process) link.processDied();
    });
  }

  connectorOf(process: SimProcess): LinkConnector {
    return {
      connect: (endpoint, handlers) => this.#connect(process, endpoint, handlers),
    };
  }

  /** `ws://HOST:PORT`. */
  hostOf(endpoint: string): string {
    return endpoint.replace(/^ws:\/\//, '').replace(/:.*/, '');
  }

  #connect(process: SimProcess, endpoint: string, handlers: LinkHandlers): Link {
    const host = this.hostOf(endpoint);
    const client = new SimLinkEnd(this, process, host, handlers);
    this.timeline.after(connectMsMax, () => client.giveUpConnecting());
    const knock = (): void => {
      if (client.isOver) return;
      if (!this.canTalk(process.host, host)) return void this.timeline.after(retransmitMs, knock);
      const target = this.#listeners.get(endpoint);
      if (!target) return client.end({ kind: 'refused' });
      // The handshake needs the process at the other end, not only its host.
      target.process.enter(() => {
        if (client.isOver) return;
        const server = new SimLinkEnd(this, target.process, process.host, null);
        server.handlers = target.accept(server, `${process.host}:0`);
        this.#links.add(client).add(server);
        SimLinkEnd.join(client, server);
      });
    };
    process.act(() => this.timeline.after(this.delayMs(process.host, host), knock));
    return client;
  }

  forget(link: SimLinkEnd): void {
    this.#links.delete(link);
  }

  /** Resets every link of a host, as a firewall that restarts does. */
  resetLinks(host: string): void {
    for (const link of this.#links) if (link.process.host === host) link.reset();
  }

  /** Damages a message now and then. */
  carry(message: Uint8Array): Uint8Array {
    const { damageRate } = this.#weather;
    if (this.isCalm || !this.prng.chance(damageRate)) return message;
    if (this.prng.chance(0.3)) return message.slice(0, this.prng.whole(0, message.byteLength - 1));
    const damaged = message.slice();
    const at = this.prng.whole(0, damaged.byteLength - 1);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << this.prng.whole(0, 7));
    return damaged;
  }

  // --- datagrams -----------------------------------------------------------------------------

  bind(process: SimProcess, address: string, received: DatagramReceived): Datagrams {
    this.#sockets.set(address, { process, received });
    process.whenDead(() => this.#sockets.delete(address));
    return new SimDatagrams(this, process, address);
  }

  /** Copies that will arrive, each after its own delay, which is how they overtake each other. */
  sendDatagram(from: SimProcess, to: string, message: Uint8Array, replyTo: string): void {
    const host = this.hostOf(to);
    const { lossRate, duplicateRate } = this.#weather;
    const copies = 1 + (this.prng.chance(duplicateRate) ? 1 : 0);
    for (let copy = 0; copy < copies; copy += 1) {
      if (this.prng.chance(lossRate)) continue;
      this.timeline.after(this.delayMs(from.host, host), () => {
        if (this.isDark(host) || this.isDark(from.host)) return;
        if (from.host !== host && this.wire(from.host, host).areDatagramsCut) return;
        const socket = this.#sockets.get(to);
        socket?.process.enter(() => socket.received(message, replyTo));
      });
    }
  }

  // --- power ---------------------------------------------------------------------------------

  darken(host: string): void {
    this.#darkHosts.add(host);
  }
  light(host: string): void {
    this.#darkHosts.delete(host);
  }
  isDark(host: string): boolean {
    return this.#darkHosts.has(host);
  }
}

const connectMsMax = 1500;
/** How soon what a cut wire holds is tried again. */
export const retransmitMs = 20;
