import { parseArp, buildArpFrame, arpOperation } from '../../src/network/arp-packet.js';
import { buildDhcpReply, dhcpType, parseDhcp } from '../../src/network/dhcp-message.js';
import {
  ETHERNET_HEADER_BYTES,
  etherType,
  newFrame,
  parseEthernet,
} from '../../src/network/ethernet-frame.js';
import { formatForward, parseForward } from '../../src/network/forward-rule.js';
import { buildUnreachable, echoReplyTo, icmpType } from '../../src/network/icmp-message.js';
import { foldSum, sumOf } from '../../src/network/internet-checksum.js';
import { parseIp, parseSubnet } from '../../src/network/ipv4-address.js';
import {
  IP_PAYLOAD_AT,
  ipProtocol,
  parseIpv4,
  writeIpv4Header,
} from '../../src/network/ipv4-packet.js';
import { broadcastMac, parseMac } from '../../src/network/mac-address.js';
import { StreamFraming, streamHeader } from '../../src/network/stream-framing.js';
import { parseTcp, tcpFlag, writeTcpHeader } from '../../src/network/tcp-segment.js';
import { buildUdp, parseUdp } from '../../src/network/udp-datagram.js';
import { parseUplink } from '../../src/network/uplink-address.js';
import { writeU16, writeU32 } from '../../src/network/wire-bytes.js';
import { parseHostPort } from '../../src/node/host-port.js';
import { Prng } from '../../src/sim/prng.js';
import { repairChecksums } from '../network/repair-checksums.js';
import { addresses, GUEST_MAC } from '../network/scene.js';
import { joined, mutateBytes, mutateText, randomBytes } from './mutator.js';
import { insist, type FuzzTarget } from './target.js';

const elsewhere = 0x0808_0808;
const ports = [53, 67, 80, 443, 0, 65_535];

/** A packet of the guest in its frame; `payload` starts where the IP header ends. */
function packetOf(
  chance: Prng,
  protocol: number,
  payload: Uint8Array,
  fragment: { readonly fragmentAt?: number; readonly moreFragments?: boolean } = {},
  destination = chance.pick([addresses.server, addresses.nameServer, elsewhere, 0xffff_ffff]),
): Uint8Array {
  const lengthBytes = IP_PAYLOAD_AT - ETHERNET_HEADER_BYTES + payload.byteLength;
  const frame = newFrame(addresses.mac, GUEST_MAC, etherType.ipv4, lengthBytes);
  frame.set(payload, IP_PAYLOAD_AT);
  writeIpv4Header(frame, {
    source: addresses.guest,
    destination,
    protocol,
    identification: chance.whole(1, 3),
    payloadBytes: payload.byteLength,
    ...fragment,
  });
  return frame;
}

function dhcpRequest(chance: Prng): Uint8Array {
  const bytes = new Uint8Array(300);
  bytes.set([1, 1, 6]);
  writeU32(bytes, 236, 0x6382_5363);
  bytes.set(randomBytes(chance, 2), 32);
  const type = chance.pick(Object.values(dhcpType));
  bytes.set([53, 1, type, 50, 4, 10, 0, 2, chance.whole(0, 255), 255], 240);
  return bytes;
}

function dnsQuery(chance: Prng): Uint8Array {
  const head = new Uint8Array(12);
  writeU16(head, 0, chance.whole(0, 65_535));
  head.set([1, 0, 0, 1], 2);
  return joined(
    head,
    Buffer.from('\u0007example\u0003org\u0000\u0000\u0001\u0000\u0001', 'latin1'),
  );
}

function udpFrame(chance: Prng): Uint8Array {
  const port = chance.pick(ports);
  const payload =
    port === 67
      ? dhcpRequest(chance)
      : port === 53
        ? dnsQuery(chance)
        : randomBytes(chance, chance.whole(0, 600));
  const destination = chance.pick([addresses.server, addresses.nameServer, elsewhere, 0xffff_ffff]);
  const datagram = { sourcePort: chance.whole(1, 5), destinationPort: port, payload };
  const udp = buildUdp(datagram, addresses.guest, destination);
  return packetOf(chance, ipProtocol.udp, udp, {}, destination);
}

/** Of one of few connections, so that segments meet each other. */
function tcpFrame(chance: Prng): Uint8Array {
  const payload = chance.chance(0.5)
    ? randomBytes(chance, chance.pick([1, 100, 1400]))
    : new Uint8Array();
  const flags = chance.pick([
    tcpFlag.syn,
    tcpFlag.ack,
    tcpFlag.ack | tcpFlag.psh,
    tcpFlag.fin | tcpFlag.ack,
    tcpFlag.rst,
    tcpFlag.rst | tcpFlag.ack,
    tcpFlag.syn | tcpFlag.ack,
    chance.whole(0, 63),
  ]);
  const isSyn = (flags & tcpFlag.syn) !== 0;
  const header = {
    sourcePort: chance.whole(1, 4),
    destinationPort: chance.pick([80, 443]),
    sequence: chance.pick([0, 1, 2, 1460, 2 ** 31, 2 ** 32 - 1, chance.whole(0, 70_000)]),
    acknowledgment: chance.pick([0, 1, 2 ** 31, 2 ** 32 - 1, chance.whole(0, 2 ** 32 - 1)]),
    flags,
    window: chance.pick([0, 1, 1000, 65_535]),
    maximumSegmentBytes: isSyn ? chance.pick([0, 1, 536, 1460, 65_535]) : null,
    windowShift: isSyn ? chance.pick([null, 0, 7, 14, 255]) : null,
  };
  const optionBytes = header.maximumSegmentBytes === null ? 0 : header.windowShift === null ? 4 : 8;
  const segment = joined(new Uint8Array(20 + optionBytes), payload);
  const frame = packetOf(chance, ipProtocol.tcp, segment, {}, elsewhere);
  writeTcpHeader(frame, header, addresses.guest, elsewhere, payload.byteLength);
  return frame;
}

function fragmentFrame(chance: Prng): Uint8Array {
  const payload = new Uint8Array(8 * chance.whole(0, 4) + (chance.chance(0.1) ? 3 : 0));
  const fragmentAt = 8 * chance.pick([0, 1, 2, 3, 4, 8, 100, 8_191]);
  const moreFragments = chance.chance(0.6);
  const protocol = chance.pick([ipProtocol.udp, ipProtocol.icmp]);
  return packetOf(chance, protocol, payload, { fragmentAt, moreFragments }, addresses.server);
}

function icmpFrame(chance: Prng): Uint8Array {
  const message = new Uint8Array(8 + chance.whole(0, 100));
  message[0] = chance.pick([8, 8, 0, 3, 5]);
  writeU16(message, 2, foldSum(sumOf(message, 0, message.byteLength)));
  return packetOf(chance, ipProtocol.icmp, message);
}

/** A question that the gateway owes an answer, whatever came before. */
export function pingFrame(): Uint8Array {
  const message = new Uint8Array(8);
  message[0] = icmpType.echoRequest;
  writeU16(message, 2, foldSum(sumOf(message, 0, 8)));
  return packetOf(new Prng(0), ipProtocol.icmp, message, {}, addresses.server);
}

function arpFrame(chance: Prng): Uint8Array {
  return buildArpFrame(broadcastMac, {
    operation: chance.pick(Object.values(arpOperation)),
    senderMac: GUEST_MAC,
    senderIp: chance.pick([addresses.guest, addresses.guest + 1, addresses.server, 0, elsewhere]),
    targetMac: 0,
    targetIp: chance.pick([addresses.server, addresses.nameServer, elsewhere]),
  });
}

/** What a guest could send: whole, with its sums right, or damaged, its sums made right again. */
export function strangeFrame(chance: Prng): Uint8Array {
  const make = chance.pick([
    udpFrame,
    udpFrame,
    tcpFrame,
    tcpFrame,
    fragmentFrame,
    icmpFrame,
    arpFrame,
  ]);
  const frame = make(chance);
  if (chance.chance(0.5)) return frame;
  const strange = mutateBytes(chance, [frame], { damagesMax: 4, bytesMax: 1_600 });
  if (strange.byteLength >= 34 && chance.chance(0.8)) repairChecksums(strange);
  return strange;
}

export const frameTargets: readonly FuzzTarget[] = [
  {
    name: 'frames',
    share: 250,
    run: (chance) => {
      const frame = strangeFrame(chance);
      const ethernet = parseEthernet(frame);
      if (ethernet === null) return 'refused';
      if (ethernet.type === etherType.arp) return parseArp(ethernet.payload) ? 'taken' : 'refused';
      const packet = parseIpv4(ethernet.payload);
      if (packet === null) return 'refused';
      const { payload, source, destination, quote } = packet;
      insist(quote.byteLength <= 68, 'a quote is a header and eight bytes');
      buildUnreachable(1, quote);
      const tcp = parseTcp(payload, source, destination);
      insist((tcp?.windowShift ?? 0) <= 14, 'a window has no more than 30 bits');
      const udp = parseUdp(payload, source, destination);
      insist(
        udp === null || parseUdp(buildUdp(udp, source, destination), source, destination) !== null,
        'a datagram can be sent again',
      );
      echoReplyTo(payload);
      return 'taken';
    },
  },
  {
    name: 'dhcp',
    share: 30,
    run: (chance) => {
      const request = parseDhcp(mutateBytes(chance, [dhcpRequest(chance)]));
      if (request === null) return 'refused';
      const [server, ip] = [addresses.server, addresses.guest];
      const addressed = { ip, server, mask: 0, router: server, nameServer: server };
      buildDhcpReply(request, { type: dhcpType.ack, leaseSeconds: 1, ...addressed });
      return 'taken';
    },
  },
  {
    name: 'stream-framing',
    share: 30,
    run: (chance) => {
      const sample = new Uint8Array(chance.whole(0, 200));
      const stream = joined(streamHeader(sample), sample, streamHeader(sample), sample);
      const bytes = mutateBytes(chance, [stream]);
      let frames = 0;
      const framing = new StreamFraming(() => (frames += 1));
      for (let at = 0; at < bytes.byteLength;) {
        const next = at + chance.pick([1, 3, 50, 500]);
        if (!framing.feed(bytes.subarray(at, next))) return 'refused';
        at = next;
      }
      return frames > 0 ? 'taken' : 'refused';
    },
  },
  {
    name: 'options',
    share: 20,
    run: (chance) => {
      const forwards = ['127.0.0.1:8080:80', '[::1]:0:10.0.2.16:53/udp', 'localhost:1:2/tcp'];
      const rule = parseForward(mutateText(chance, forwards));
      insist(
        rule === null ||
          formatForward(parseForward(formatForward(rule)) ?? rule) === formatForward(rule),
        'a forward comes back as it went',
      );
      const others = [
        parseHostPort(mutateText(chance, ['127.0.0.1:7000', '[::1]:0'])),
        parseUplink(mutateText(chance, ['stream:unix:/tmp/x', 'stream:tcp:[::1]:5'])),
        parseSubnet(mutateText(chance, ['10.0.2.0/24'])),
        parseIp(mutateText(chance, ['10.0.2.15'])),
        parseMac(mutateText(chance, ['52:54:00:12:34:56'])),
      ];
      return rule !== null || others.some((other) => other !== null) ? 'taken' : 'refused';
    },
  },
];
