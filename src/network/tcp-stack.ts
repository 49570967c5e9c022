import type { AlarmQueue } from './alarm-queue.js';
import type { IpOutput, TcpAddresses } from './ip-output.js';
import { formatIp, type Ipv4Address } from './ipv4-address.js';
import type { GuestService } from './host-network.js';
import type { Ipv4Packet } from './ipv4-packet.js';
import { TcpConnection } from './tcp-connection.js';
import type { TcpHandlers } from './tcp-handlers.js';
import { SendBuffer } from './tcp-send-buffer.js';
import { parseTcp, tcpFlag, type TcpSegment } from './tcp-segment.js';
import type { TcpSettings } from './tcp-settings.js';

/** Asked about every new connection a guest opens; null refuses it (RST). */
export type AcceptGuest = (addresses: TcpAddresses) => {
  readonly handlers: TcpHandlers;
  /** The connection waits for its `accept` or `abort`. */
  readonly opened: (connection: TcpConnection) => void;
} | null;

export interface TcpStackOptions {
  readonly settings: TcpSettings;
  /** 32 bits of chance: where sequence numbers start is nobody else's business (RFC 6528). */
  readonly secret: number;
  /** Connections at once, those in TIME_WAIT included; no more are opened then. */
  readonly connectionsMax: number;
}

/** Ports our side of a connection to a guest's service may have. */
const PORT_MIN = 16_384;
const PORT_MAX = 65_535;

/** All TCP connections with the guests of a switch: finds the one a segment is for. */
export class TcpStack {
  readonly #alarms: AlarmQueue;
  readonly #output: IpOutput;
  readonly #options: TcpStackOptions;
  readonly #accept: AcceptGuest;
  /** By guest address and port, then by ours; see `keyOf`. */
  readonly #connections = new Map<number, Map<number, TcpConnection>>();
  #count = 0;
  #nextPort = PORT_MIN;
  /** Segments that were cut short or damaged. */
  malformed = 0;
  /** Answers to segments of no connection. */
  resets = 0;

  constructor(alarms: AlarmQueue, output: IpOutput, options: TcpStackOptions, accept: AcceptGuest) {
    this.#alarms = alarms;
    this.#output = output;
    this.#options = options;
    this.#accept = accept;
  }

  /** Connections, those in TIME_WAIT included. */
  get size(): number {
    return this.#count;
  }

  /** Opens a connection to a guest's service; null when there are too many. */
  connect(to: GuestService, localIp: Ipv4Address, handlers: TcpHandlers): TcpConnection | null {
    const localPort = this.#freePort(to, localIp);
    if (localPort === null || this.#count >= this.#options.connectionsMax) return null;
    const addresses = { localIp, localPort, guestIp: to.ip, guestPort: to.port };
    const connection = this.#open(addresses, handlers);
    connection.connect();
    return connection;
  }

  /** Takes a packet of a guest. */
  receive(packet: Ipv4Packet): void {
    const segment = parseTcp(packet.payload, packet.source, packet.destination);
    if (segment === null) {
      this.malformed += 1;
      return;
    }
    const addresses: TcpAddresses = {
      localIp: packet.destination,
      localPort: segment.destinationPort,
      guestIp: packet.source,
      guestPort: segment.sourcePort,
    };
    const connection = this.#find(addresses);
    const isOpening = (segment.flags & openingMask) === tcpFlag.syn;
    if (connection !== undefined) {
      const isAnother =
        isOpening &&
        connection.state === 'timeWait' &&
        connection.isNewerThanThis(segment.sequence);
      if (!isAnother) return connection.receive(segment);
      connection.discard();
    }
    if (isOpening) this.#opened(addresses, segment);
    else this.#reset(addresses, segment);
  }

  /** Repeats what is on its way to the guests of these addresses: they are on another host now. */
  guestMoved(hasMoved: (ip: Ipv4Address) => boolean): void {
    for (const [guestKey, connections] of [...this.#connections]) {
      if (!hasMoved(Math.floor(guestKey / 0x10000))) continue;
      for (const connection of [...connections.values()]) connection.guestMoved();
    }
  }

  /** Forgets every connection, without a word to the guests. */
  close(): void {
    for (const connections of [...this.#connections.values()]) {
      for (const connection of [...connections.values()]) connection.discard();
    }
  }

  #opened(addresses: TcpAddresses, syn: TcpSegment): void {
    if (this.#count >= this.#options.connectionsMax) return this.#reset(addresses, syn);
    const accepted = this.#accept(addresses);
    if (accepted === null) return this.#reset(addresses, syn);
    const connection = this.#open(addresses, accepted.handlers);
    connection.hold(syn);
    accepted.opened(connection);
  }

  #open(addresses: TcpAddresses, handlers: TcpHandlers): TcpConnection {
    const { settings } = this.#options;
    const outlet = {
      transmit: (segment: Parameters<IpOutput['sendTcp']>[1]) =>
        this.#output.sendTcp(addresses, segment),
      removed: () => this.#remove(addresses),
    };
    const initial = this.#initialSequence(addresses);
    const connection = new TcpConnection(this.#alarms, settings, initial, outlet, handlers);
    const guestKey = keyOf(addresses.guestIp, addresses.guestPort);
    const connections = this.#connections.get(guestKey) ?? new Map<number, TcpConnection>();
    this.#connections.set(guestKey, connections);
    connections.set(keyOf(addresses.localIp, addresses.localPort), connection);
    this.#count += 1;
    return connection;
  }

  #find({ guestIp, guestPort, localIp, localPort }: TcpAddresses): TcpConnection | undefined {
    return this.#connections.get(keyOf(guestIp, guestPort))?.get(keyOf(localIp, localPort));
  }

  #remove({ guestIp, guestPort, localIp, localPort }: TcpAddresses): void {
    const guestKey = keyOf(guestIp, guestPort);
    const connections = this.#connections.get(guestKey);
    if (!connections?.delete(keyOf(localIp, localPort))) return;
    this.#count -= 1;
    if (connections.size === 0) this.#connections.delete(guestKey);
  }

  /** In turn, so that a port rests as long as possible before it is used again. */
  #freePort(to: GuestService, localIp: Ipv4Address): number | null {
    const taken = this.#connections.get(keyOf(to.ip, to.port));
    for (let tries = PORT_MIN; tries <= PORT_MAX; tries += 1) {
      const port = this.#nextPort;
      this.#nextPort = port === PORT_MAX ? PORT_MIN : port + 1;
      if (!taken?.has(keyOf(localIp, port))) return port;
    }
    return null;
  }

  /** RFC 6528: a clock of 4 µs, so that an old connection's segments lie behind, and a keyed hash. */
  #initialSequence(addresses: TcpAddresses): number {
    let hash = this.#options.secret | 0;
    const { guestIp, guestPort, localIp, localPort } = addresses;
    for (const word of [guestIp, guestPort, localIp, localPort, this.#options.secret]) {
      hash = Math.imul(hash ^ word, 0x85eb_ca6b);
      hash ^= hash >>> 13;
      hash = Math.imul(hash, 0xc2b2_ae35);
      hash ^= hash >>> 16;
    }
    return (Math.floor(this.#alarms.nowMs() * 250) + hash) >>> 0;
  }

  /** Answers a segment of no connection (RFC 9293 §3.10.7.1). */
  #reset(addresses: TcpAddresses, segment: TcpSegment): void {
    const { flags } = segment;
    if ((flags & tcpFlag.rst) !== 0) return;
    this.resets += 1;
    const hasAck = (flags & tcpFlag.ack) !== 0;
    const length =
      segment.payload.byteLength +
      ((flags & tcpFlag.syn) !== 0 ? 1 : 0) +
      ((flags & tcpFlag.fin) !== 0 ? 1 : 0);
    this.#output.sendTcp(addresses, {
      sequence: hasAck ? segment.acknowledgment : 0,
      acknowledgment: hasAck ? 0 : (segment.sequence + length) >>> 0,
      flags: hasAck ? tcpFlag.rst : tcpFlag.rst | tcpFlag.ack,
      window: 0,
      maximumSegmentBytes: null,
      windowShift: null,
      buffer: emptyBuffer,
      payloadAt: 0,
      payloadBytes: 0,
    });
  }
}

const openingMask = tcpFlag.syn | tcpFlag.ack | tcpFlag.rst;
const emptyBuffer = new SendBuffer();

/** 48 bits, exact as a number. */
function keyOf(ip: Ipv4Address, port: number): number {
  return ip * 0x10000 + port;
}

export function formatTcpAddresses({ guestIp, guestPort }: TcpAddresses): string {
  return `${formatIp(guestIp)}:${guestPort}`;
}
