import type { AlarmQueue } from './alarm-queue.js';
import type { GuestService, HostAddress, HostDatagramSocket, HostNetwork } from './host-network.js';
import type { IpOutput } from './ip-output.js';
import { formatIp, type Ipv4Address } from './ipv4-address.js';
import { ipProtocol } from './ipv4-packet.js';
import { buildUdp, UDP_PAYLOAD_BYTES_MAX, type UdpDatagram } from './udp-datagram.js';
import { UdpSessions, type UdpSession } from './udp-sessions.js';

interface OutboundSession extends UdpSession {
  readonly socket: HostDatagramSocket;
  /**
   * Who the guest has sent to, by the host's address for them and the guest's: only they may answer
   * (RFC 4787 §5, address-dependent filtering).
   */
  readonly peers: Map<string, Ipv4Address>;
}
interface InboundSession extends UdpSession {
  readonly reply: (payload: Uint8Array) => void;
}

const PORT_MIN = 16_384;
const PORT_MAX = 65_535;
const SESSIONS_MAX = 1_024;
const PEERS_MAX = 256;

/** UDP between guests and the host: sessions that guests begin, and those of forwards. */
export class UdpRelay {
  readonly #output: IpOutput;
  readonly #network: HostNetwork;
  readonly #gatewayIp: Ipv4Address;
  readonly #outbound: UdpSessions<OutboundSession>;
  /** By guest address, guest port and our port; see `keyOf`. */
  readonly #inbound: UdpSessions<InboundSession>;
  readonly #inboundPorts = new Map<string, number>();
  #nextPort = PORT_MIN;

  constructor(alarms: AlarmQueue, output: IpOutput, network: HostNetwork, gatewayIp: Ipv4Address) {
    this.#output = output;
    this.#network = network;
    this.#gatewayIp = gatewayIp;
    this.#outbound = new UdpSessions(alarms, SESSIONS_MAX);
    this.#inbound = new UdpSessions(alarms, SESSIONS_MAX);
  }

  get size(): number {
    return this.#outbound.size + this.#inbound.size;
  }

  /** A guest's datagram to `known`; `to` is where the host really sends it. */
  fromGuest(guest: GuestService, datagram: UdpDatagram, known: Ipv4Address, to: HostAddress): void {
    const key = keyOf(guest, 0);
    const session = this.#outbound.use(key) ?? this.#openOutbound(key, guest);
    if (session.peers.size >= PEERS_MAX) session.peers.clear();
    session.peers.set(to.host, known);
    session.socket.send(datagram.payload, to);
  }

  /** True if a datagram to one of our own ports answers a client of a forward. */
  answersForward(guest: GuestService, { destinationPort, payload }: UdpDatagram): boolean {
    const session = this.#inbound.use(keyOf(guest, destinationPort));
    session?.reply(payload);
    return session !== null;
  }

  /** A client's datagram to a forward; the guest's answers go to `reply`. */
  fromClient(
    client: string,
    guest: GuestService,
    payload: Uint8Array,
    reply: (payload: Uint8Array) => void,
  ): void {
    const name = `${client} ${keyOf(guest, 0)}`;
    let port = this.#inboundPorts.get(name);
    if (port === undefined) {
      port = this.#nextPort;
      this.#nextPort = port === PORT_MAX ? PORT_MIN : port + 1;
      this.#inboundPorts.set(name, port);
      this.#inbound.add(keyOf(guest, port), {
        reply,
        close: () => this.#inboundPorts.delete(name),
      });
    } else {
      this.#inbound.use(keyOf(guest, port));
    }
    this.#send(this.#gatewayIp, port, guest, payload);
  }

  close(): void {
    this.#outbound.close();
    this.#inbound.close();
  }

  #openOutbound(key: string, guest: GuestService): OutboundSession {
    const peers = new Map<string, Ipv4Address>();
    const socket = this.#network.openDatagrams('ipv4', (payload, from) => {
      const ip = peers.get(from.host);
      if (ip === undefined) return;
      this.#outbound.use(key);
      this.#send(ip, from.port, guest, payload);
    });
    const session = { socket, peers, close: () => socket.close() };
    this.#outbound.add(key, session);
    return session;
  }

  #send(source: Ipv4Address, sourcePort: number, to: GuestService, payload: Uint8Array): void {
    if (payload.byteLength > UDP_PAYLOAD_BYTES_MAX) return;
    const datagram = { sourcePort, destinationPort: to.port, payload };
    const bytes = buildUdp(datagram, source, to.ip);
    const protocol = ipProtocol.udp;
    this.#output.send({ source, destination: to.ip, protocol, payload: bytes });
  }
}

function keyOf({ ip, port }: GuestService, ourPort: number): string {
  return `${formatIp(ip)}:${port} ${ourPort}`;
}
