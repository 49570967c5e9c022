import type { Clock } from '../host/clock.js';
import type { Entropy } from '../host/entropy.js';
import { AlarmQueue } from './alarm-queue.js';
import { arpOperation, buildArpFrame, parseArp } from './arp-packet.js';
import { dhcpPort, parseDhcp } from './dhcp-message.js';
import { DhcpServer } from './dhcp-server.js';
import { DnsForwarder } from './dns-forwarder.js';
import { etherType, parseEthernet, type EthernetFrame } from './ethernet-frame.js';
import type { GatewayAddresses } from './gateway-addresses.js';
import type { AcceptHostStream, GuestService, HostNetwork } from './host-network.js';
import { buildUnreachable, echoReplyTo, unreachableCode } from './icmp-message.js';
import { IpOutput } from './ip-output.js';
import { broadcastIp, formatIp, isInSubnet, subnetBroadcast } from './ipv4-address.js';
import { ipProtocol, parseIpv4, type Ipv4Packet } from './ipv4-packet.js';
import { Ipv4Reassembly } from './ipv4-reassembly.js';
import { broadcastMac, type MacAddress } from './mac-address.js';
import { Neighbours } from './neighbours.js';
import { outboundTarget, type OutboundOptions } from './outbound-policy.js';
import { RateLimit } from './rate-limit.js';
import type { RelayStatus } from './tcp-relay.js';
import { TcpRelays } from './tcp-relays.js';
import { defaultTcpSettings, type TcpSettings } from './tcp-settings.js';
import { buildUdp, parseUdp, type UdpDatagram } from './udp-datagram.js';
import { UdpRelay } from './udp-relay.js';
import { readU32 } from './wire-bytes.js';

export interface GatewayOptions {
  readonly addresses: GatewayAddresses;
  readonly outbound: OutboundOptions;
  readonly tcp?: Partial<TcpSettings>;
  /** TCP connections at once, in both directions together. */
  readonly connectionsMax?: number;
}

export interface GatewayStatus {
  readonly ip: string;
  /** The oldest 1,000. */
  readonly connections: readonly RelayStatus[];
  /** TCP connections the stack remembers, those in TIME_WAIT included. */
  readonly connectionCount: number;
  readonly udpSessionCount: number;
  readonly neighbourCount: number;
  readonly leaseCount: number;
  /** Frames and packets dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

/**
 * The host at the edge of the switch: to guests a router with DHCP and DNS, to the host's clients
 * the place where forwards end.
 *
 * Shape:  frames in by `receive`, frames out by `send`; the host's sockets by `HostNetwork`. Nothing
 *         of it is inside the replay boundary: to a replica it is the network.
 * Errors: what a guest sends is answered, or dropped and counted, never thrown.
 */
export class Gateway {
  readonly #alarms: AlarmQueue;
  readonly #addresses: GatewayAddresses;
  readonly #outbound: OutboundOptions;
  readonly #send: (frame: Uint8Array) => void;
  readonly #neighbours: Neighbours;
  readonly #output: IpOutput;
  readonly #reassembly = new Ipv4Reassembly();
  readonly #dhcp: DhcpServer;
  readonly #dns: DnsForwarder;
  readonly #udp: UdpRelay;
  readonly #tcp: TcpRelays;
  readonly #complaints: RateLimit;
  readonly #dropped: Record<string, number> = {};

  constructor(
    clock: Clock,
    entropy: Entropy,
    network: HostNetwork,
    options: GatewayOptions,
    send: (frame: Uint8Array) => void,
  ) {
    const { addresses, outbound } = options;
    this.#alarms = new AlarmQueue(clock);
    this.#addresses = addresses;
    this.#outbound = outbound;
    this.#send = send;
    this.#neighbours = new Neighbours(this.#alarms, (ip) => this.#askFor(ip), send);
    this.#output = new IpOutput(addresses.mac, this.#neighbours, send);
    this.#dhcp = new DhcpServer(addresses, (ip, by) => {
      const mac = this.#neighbours.macOf(ip);
      return mac !== null && mac !== by;
    });
    this.#dns = new DnsForwarder(this.#alarms, entropy, network, outbound.resolver);
    this.#udp = new UdpRelay(this.#alarms, this.#output, network, addresses.server);
    this.#complaints = new RateLimit(this.#alarms, { perSecond: 100, burst: 50 });
    const stackOptions = {
      settings: { ...defaultTcpSettings, ...options.tcp },
      secret: readU32(entropy.bytes(4), 0),
      connectionsMax: options.connectionsMax ?? 16_384,
    };
    this.#tcp = new TcpRelays(
      this.#alarms,
      this.#output,
      network,
      addresses.server,
      stackOptions,
      (to) => outboundTarget(addresses, outbound, to.localIp, to.localPort),
    );
  }

  /** Takes a frame from the switch. */
  receive(frame: Uint8Array): void {
    const ethernet = parseEthernet(frame);
    if (ethernet === null) return this.#drop('runt');
    const { destination } = ethernet;
    if (destination !== this.#addresses.mac && destination !== broadcastMac) return;
    switch (ethernet.type) {
      case etherType.ipv4:
        return this.#receiveIpv4(ethernet);
      case etherType.arp:
        return this.#receiveArp(ethernet);
      case etherType.rarp:
        // It moved an address in the switch on its way here; nobody is told a new one.
        return;
      default:
        return this.#drop('otherProtocol');
    }
  }

  /**
   * The switch has found the MAC at another port: its guest went live on another host, and what was
   * on its way to the old one is lost. It is sent again at once, without waiting for a timeout.
   */
  guestMoved(mac: MacAddress): void {
    this.#tcp.guestMoved((ip) => this.#neighbours.macOf(ip) === mac);
  }

  /** Relays a client of the host to a guest's service. */
  acceptFor(service: GuestService): AcceptHostStream {
    return (stream, from) => this.#tcp.relayClient(service, stream, from);
  }

  /** A client's datagram to a forward; the guest's answers go to `reply`. */
  receiveDatagram(
    client: string,
    service: GuestService,
    payload: Uint8Array,
    reply: (payload: Uint8Array) => void,
  ): void {
    this.#udp.fromClient(client, service, payload, reply);
  }

  status(): GatewayStatus {
    const counted = {
      ...this.#dropped,
      ...this.#tcp.dropped(),
      fragments: this.#reassembly.dropped,
      noNeighbour: this.#neighbours.dropped,
      dnsFailed: this.#dns.failed,
      dhcpExhausted: this.#dhcp.exhausted,
    };
    return {
      ip: formatIp(this.#addresses.server),
      connections: this.#tcp.status(),
      connectionCount: this.#tcp.size,
      udpSessionCount: this.#udp.size,
      neighbourCount: this.#neighbours.size,
      leaseCount: this.#dhcp.size,
      dropped: Object.fromEntries(Object.entries(counted).filter(([, count]) => count > 0)),
    };
  }

  /** Cuts every connection: clients of the host see a reset, guests hear nothing. */
  close(): void {
    this.#tcp.close();
    this.#udp.close();
    this.#dns.close();
    this.#neighbours.close();
    this.#alarms.close();
  }

  #receiveArp({ source, payload }: EthernetFrame): void {
    const arp = parseArp(payload);
    if (arp === null || arp.senderMac !== source) return this.#drop('arpMalformed');
    const { server, nameServer, mac, subnet } = this.#addresses;
    const { senderIp, senderMac, targetIp } = arp;
    const isOurs = senderIp === server || senderIp === nameServer;
    if (isOurs) return this.#drop('arpForOurAddress');
    if (isInSubnet(senderIp, subnet)) this.#neighbours.heard(senderIp, senderMac);
    if (arp.operation !== arpOperation.request) return;
    if (targetIp !== server && targetIp !== nameServer) return;
    const reply = {
      operation: arpOperation.reply,
      senderMac: mac,
      senderIp: targetIp,
      targetMac: senderMac,
      targetIp: senderIp,
    };
    this.#send(buildArpFrame(senderMac, reply));
  }

  #askFor(ip: number): void {
    const { mac, server } = this.#addresses;
    const operation = arpOperation.request;
    this.#send(
      buildArpFrame(broadcastMac, {
        operation,
        senderMac: mac,
        senderIp: server,
        targetMac: 0,
        targetIp: ip,
      }),
    );
  }

  #receiveIpv4({ source, payload }: EthernetFrame): void {
    const part = parseIpv4(payload);
    if (part === null) return this.#drop('ipMalformed');
    const { server, nameServer, subnet } = this.#addresses;
    const isOurs = part.source === server || part.source === nameServer;
    if (isOurs) return this.#drop('ipFromOurAddress');
    if (isInSubnet(part.source, subnet) && part.source !== subnetBroadcast(subnet)) {
      this.#neighbours.heard(part.source, source);
    } else if (part.source !== 0) {
      // Not of this subnet, so there would be no way back. 0 is a guest that asks for an address.
      return this.#drop('ipFromElsewhere');
    }
    const packet = this.#reassembly.take(part, this.#alarms.nowMs());
    if (packet === null) return;
    if (packet.protocol === ipProtocol.udp) return this.#receiveUdp(packet);
    if (packet.source === 0 || packet.destination === broadcastIp) return this.#drop('broadcast');
    if (packet.destination === subnetBroadcast(subnet)) return this.#drop('broadcast');
    if (packet.protocol === ipProtocol.tcp) return this.#tcp.receive(packet);
    if (packet.protocol === ipProtocol.icmp) return this.#receiveIcmp(packet);
    this.#complain(packet, unreachableCode.prohibited);
  }

  #receiveIcmp(packet: Ipv4Packet): void {
    const { server, nameServer } = this.#addresses;
    const { source, destination, payload } = packet;
    const isForUs = destination === server || destination === nameServer;
    const reply = echoReplyTo(payload);
    // Anything but a question is news about packets of ours, which need none.
    if (reply === null) return;
    // There is no ping on behalf of others without raw sockets: better a clear no than silence.
    if (!isForUs) return this.#complain(packet, unreachableCode.prohibited);
    const protocol = ipProtocol.icmp;
    this.#output.send({ source: destination, destination: source, protocol, payload: reply });
  }

  #receiveUdp(packet: Ipv4Packet): void {
    const datagram = parseUdp(packet.payload, packet.source, packet.destination);
    if (datagram === null) return this.#drop('udpMalformed');
    const { destinationPort: port } = datagram;
    if (port === dhcpPort.server) return this.#receiveDhcp(datagram);
    const { server, nameServer } = this.#addresses;
    const { source, destination } = packet;
    if (source === 0) return this.#drop('broadcast');
    const guest = { ip: source, port: datagram.sourcePort };
    if (destination === server || destination === nameServer) {
      if (port === 53) return this.#receiveDns(packet, datagram);
      if (this.#udp.answersForward(guest, datagram)) return;
    }
    const target = outboundTarget(this.#addresses, this.#outbound, destination, port);
    if (target !== null) return this.#udp.fromGuest(guest, datagram, destination, target);
    this.#complain(packet, unreachableCode.prohibited);
  }

  #receiveDns(packet: Ipv4Packet, query: UdpDatagram): void {
    const { source: guestIp, destination: ourIp } = packet;
    this.#dns.ask(query.payload, (payload) => {
      const reply = {
        sourcePort: query.destinationPort,
        destinationPort: query.sourcePort,
        payload,
      };
      this.#sendUdp(ourIp, guestIp, reply);
    });
  }

  #receiveDhcp(datagram: UdpDatagram): void {
    const request = parseDhcp(datagram.payload);
    if (request === null) return this.#drop('dhcpMalformed');
    const payload = this.#dhcp.answer(request, this.#alarms.nowMs());
    if (payload === null) return;
    // To everybody: a client without an address is not one the answer could be sent to.
    const { server: sourcePort, client: destinationPort } = dhcpPort;
    this.#sendUdp(this.#addresses.server, broadcastIp, { sourcePort, destinationPort, payload });
  }

  #sendUdp(source: number, destination: number, datagram: UdpDatagram): void {
    const payload = buildUdp(datagram, source, destination);
    this.#output.send({ source, destination, protocol: ipProtocol.udp, payload });
  }

  /** Tells a guest that a packet goes nowhere. */
  #complain(packet: Ipv4Packet, code: number): void {
    this.#drop('prohibited');
    const { server, subnet } = this.#addresses;
    const isForMany =
      packet.destination >>> 28 >= 14 || packet.destination === subnetBroadcast(subnet);
    if (packet.source === 0 || isForMany || !this.#complaints.take()) return;
    const payload = buildUnreachable(code, packet.quote);
    const protocol = ipProtocol.icmp;
    this.#output.send({ source: server, destination: packet.source, protocol, payload });
  }

  #drop(reason: string): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + 1;
  }
}
