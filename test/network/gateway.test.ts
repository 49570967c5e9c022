import { beforeEach, describe, expect, it } from 'vitest';
import { arpOperation, buildArpFrame, parseArp } from '../../src/network/arp-packet.js';
import { dhcpType } from '../../src/network/dhcp-message.js';
import { etherType, newFrame, parseEthernet } from '../../src/network/ethernet-frame.js';
import { foldSum, sumOf } from '../../src/network/internet-checksum.js';
import { formatIp, parseIp } from '../../src/network/ipv4-address.js';
import { parseIpv4, writeIpv4Header, type Ipv4Packet } from '../../src/network/ipv4-packet.js';
import { broadcastMac } from '../../src/network/mac-address.js';
import { buildUdp, parseUdp, type UdpDatagram } from '../../src/network/udp-datagram.js';
import { addresses, GUEST_MAC, Scene, SceneGuest } from './scene.js';

let scene: Scene;
let guest: SceneGuest;
beforeEach(() => {
  scene = new Scene();
  guest = new SceneGuest(scene);
});

const { server, nameServer, mac } = addresses;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function packetFrame(
  source: number,
  destination: number,
  protocol: number,
  payload: Uint8Array,
  toMac = mac,
  fromMac = GUEST_MAC,
): Uint8Array {
  const frame = newFrame(toMac, fromMac, etherType.ipv4, 20 + payload.byteLength);
  const payloadBytes = payload.byteLength;
  writeIpv4Header(frame, { source, destination, protocol, identification: 1, payloadBytes });
  frame.set(payload, 34);
  return frame;
}

function sendUdp(destination: number, datagram: UdpDatagram, from = guest): void {
  const payload = buildUdp(datagram, from.ip, destination);
  from.send(packetFrame(from.ip, destination, 17, payload, mac, from.mac));
}

/** IP packets the guest got since the last call. */
function packets(of = guest): Ipv4Packet[] {
  return of.received
    .splice(0)
    .map((frame) => parseEthernet(frame)!)
    .filter(({ type }) => type === etherType.ipv4)
    .map(({ payload }) => parseIpv4(payload)!);
}
const datagrams = (of = guest): UdpDatagram[] =>
  packets(of)
    .filter(({ protocol }) => protocol === 17)
    .map((packet) => parseUdp(packet.payload, packet.source, packet.destination)!);

describe('ARP', () => {
  it.each([server, nameServer])('answers for its own addresses', (targetIp) => {
    const operation = arpOperation.request;
    const question = {
      operation,
      senderMac: guest.mac,
      senderIp: guest.ip,
      targetMac: 0,
      targetIp,
    };
    guest.send(buildArpFrame(broadcastMac, question));
    const answer = parseArp(parseEthernet(guest.received[0]!)!.payload);
    expect(answer).toMatchObject({ operation: 2, senderMac: mac, senderIp: targetIp });
  });

  it('is not told lies about its own address', () => {
    const operation = arpOperation.reply;
    const lie = {
      operation,
      senderMac: guest.mac,
      senderIp: server,
      targetMac: 0,
      targetIp: server,
    };
    guest.send(buildArpFrame(broadcastMac, lie));
    expect(scene.gateway.status().dropped).toEqual({ arpForOurAddress: 1 });
  });
});

describe('ICMP', () => {
  const echo = (): Uint8Array => {
    const message = Uint8Array.from([8, 0, 0, 0, 0, 1, 0, 2, 65, 66]);
    const sum = foldSum(sumOf(message, 0, message.byteLength));
    message.set([sum >> 8, sum & 255], 2);
    return message;
  };

  it('answers pings', () => {
    guest.send(packetFrame(guest.ip, server, 1, echo()));
    const [reply] = packets();
    expect([reply?.source, reply?.protocol, hex(reply!.payload.subarray(4))]).toEqual([
      server,
      1,
      '000100024142',
    ]);
  });

  it('says no to pings of the world, a bounded number of times', () => {
    for (let count = 0; count < 1_000; count += 1) {
      guest.send(packetFrame(guest.ip, parseIp('8.8.8.8')!, 1, echo()));
    }
    const replies = packets();
    expect(replies.length).toBeLessThan(120);
    expect([replies[0]?.payload[0], replies[0]?.payload[1]]).toEqual([3, 13]);
  });
});

describe('DHCP', () => {
  function ask(type: number, from = guest, options: number[] = []): void {
    const message = new Uint8Array(300);
    message.set([1, 1, 6, 0, 1, 2, 3, 4]);
    message.set([0x52, 0x54, 0, 0x12, 0x34, from.mac & 255], 28);
    message.set([0x63, 0x82, 0x53, 0x63, 53, 1, type, ...options, 255], 236);
    const datagram = { sourcePort: 68, destinationPort: 67, payload: message };
    const payload = buildUdp(datagram, 0, 0xffff_ffff);
    from.send(packetFrame(0, 0xffff_ffff, 17, payload, broadcastMac, from.mac));
  }
  const told = (of = guest): [number, string] => {
    const message = datagrams(of).at(-1)!.payload;
    return [message[242]!, formatIp(parseIp(message.subarray(16, 20).join('.'))!)];
  };
  const octets = (ip: number): number[] => formatIp(ip).split('.').map(Number);

  it('gives the first guest the default address, the next ones the next, the same again later', () => {
    const second = new SceneGuest(scene, GUEST_MAC + 1, addresses.guest + 1);
    ask(dhcpType.discover);
    expect(told()).toEqual([dhcpType.offer, '10.0.2.15']);
    ask(dhcpType.request, guest, [50, 4, ...octets(addresses.guest), 54, 4, ...octets(server)]);
    expect(told()).toEqual([dhcpType.ack, '10.0.2.15']);
    ask(dhcpType.discover, second);
    expect(told(second)).toEqual([dhcpType.offer, '10.0.2.16']);
    scene.clock.advance(48 * 3_600_000);
    ask(dhcpType.discover);
    expect(told()).toEqual([dhcpType.offer, '10.0.2.15']);
  });

  it('tells mask, router, name server and time', () => {
    ask(dhcpType.discover);
    const text = hex(datagrams().at(-1)!.payload);
    for (const option of ['0104ffffff00', '03040a000202', '06040a000203', '330400015180']) {
      expect(text).toContain(option);
    }
  });

  it('refuses an address that somebody else has, and keeps what a guest had before a restart', () => {
    const second = new SceneGuest(scene, GUEST_MAC + 1, addresses.guest + 1);
    ask(dhcpType.request, guest, [50, 4, ...octets(addresses.guest + 5)]);
    expect(told()).toEqual([dhcpType.ack, '10.0.2.20']);
    ask(dhcpType.request, second, [50, 4, ...octets(addresses.guest + 5)]);
    expect(told(second)).toEqual([dhcpType.nak, '0.0.0.0']);
    ask(dhcpType.request, second, [50, 4, 192, 168, 0, 1]);
    expect(told(second)[0]).toBe(dhcpType.nak);
  });

  it('gives nobody the address of a guest that never asked', () => {
    sendUdp(server, { sourcePort: 9, destinationPort: 9, payload: new Uint8Array(1) });
    const second = new SceneGuest(scene, GUEST_MAC + 1, addresses.guest + 1);
    ask(dhcpType.discover, second);
    expect(told(second)).toEqual([dhcpType.offer, '10.0.2.16']);
  });

  it('runs out of addresses quietly, and gives one again whose time is over', () => {
    for (let last = 1; last <= 250; last += 1) {
      const other = new SceneGuest(scene, GUEST_MAC - 0x56 + last, 0);
      ask(dhcpType.discover, other);
      other.port?.detach();
    }
    expect(scene.gateway.status()).toMatchObject({
      leaseCount: 240,
      dropped: { dhcpExhausted: 10 },
    });
    scene.clock.advance(61_000);
    const late = new SceneGuest(scene, GUEST_MAC - 0x56 + 255, 0);
    ask(dhcpType.discover, late);
    expect(told(late)[0]).toBe(dhcpType.offer);
  });
});

describe('DNS', () => {
  const query = Uint8Array.from(
    Buffer.from('abcd01000001000000000000' + '046674766d0474657374' + '0000010001', 'hex'),
  );
  const ask = (): void =>
    sendUdp(nameServer, { sourcePort: 5_000, destinationPort: 53, payload: query });

  it('says SERVFAIL when the host has no resolver', () => {
    ask();
    const [reply] = datagrams();
    expect([reply?.sourcePort, reply?.destinationPort]).toEqual([53, 5_000]);
    expect(hex(reply!.payload.subarray(0, 4))).toBe('abcd8182');
  });

  it('forwards under a number of its own, and believes the resolver only', () => {
    const resolver = { host: '127.0.0.53', port: 53 };
    scene = new Scene({ resolver });
    guest = new SceneGuest(scene);
    ask();
    const [socket] = scene.network.datagrams;
    const [sent] = socket!.sent;
    expect(sent!.to).toEqual(resolver);
    expect(hex(sent!.payload.subarray(2))).toBe(hex(query.subarray(2)));
    const answer = Uint8Array.from([...sent!.payload, 1, 2, 3]);
    answer[2]! |= 0x80;
    socket!.receive(answer, { host: '127.0.0.1', port: 53 });
    const otherQuestion = answer.slice();
    otherQuestion[14]! ^= 2;
    socket!.receive(otherQuestion, resolver);
    expect(datagrams()).toEqual([]);
    socket!.receive(answer, resolver);
    socket!.receive(answer, resolver);
    const replies = datagrams();
    expect(replies).toHaveLength(1);
    expect(hex(replies[0]!.payload.subarray(0, 4))).toBe('abcd8100');
  });

  it('gives up after five seconds, and holds a bounded number of questions', () => {
    scene = new Scene({ resolver: { host: '127.0.0.53', port: 53 } });
    guest = new SceneGuest(scene);
    for (let count = 0; count < 1_000; count += 1) ask();
    expect(datagrams()).toHaveLength(744);
    scene.clock.advance(5_001);
    expect(datagrams()).toHaveLength(256);
    expect(scene.gateway.status().dropped).toEqual({ dnsFailed: 1_000 });
  });
});

describe('UDP', () => {
  const outside = parseIp('93.184.216.34')!;
  const datagram = (sourcePort: number): UdpDatagram => ({
    sourcePort,
    destinationPort: 123,
    payload: Uint8Array.of(1, 2),
  });

  it('carries datagrams out, and answers of those who were asked back', () => {
    sendUdp(outside, datagram(7_000));
    const [socket] = scene.network.datagrams;
    expect(socket!.sent[0]!.to).toEqual({ host: '93.184.216.34', port: 123 });
    socket!.receive(Uint8Array.of(9), { host: '93.184.216.34', port: 123 });
    socket!.receive(Uint8Array.of(8), { host: '6.6.6.6', port: 123 });
    expect(datagrams()).toEqual([
      { sourcePort: 123, destinationPort: 7_000, payload: Uint8Array.of(9) },
    ]);
  });

  it("answers from the address the guest knows, when that stands for the host's loopback", () => {
    scene = new Scene({ hostLoopback: true });
    guest = new SceneGuest(scene);
    sendUdp(server, datagram(7_000));
    const [socket] = scene.network.datagrams;
    expect(socket!.sent[0]!.to).toEqual({ host: '127.0.0.1', port: 123 });
    socket!.receive(Uint8Array.of(9), { host: '127.0.0.1', port: 123 });
    expect(packets().map(({ source }) => source)).toEqual([server]);
  });

  it('ends a session that rests for two minutes, and keeps 1,024 at most', () => {
    for (let port = 1; port <= 2_000; port += 1) sendUdp(outside, datagram(port));
    expect(scene.network.datagrams.filter((socket) => !socket.isClosed)).toHaveLength(1_024);
    scene.clock.advance(121_000);
    expect(scene.network.datagrams.every((socket) => socket.isClosed)).toBe(true);
    expect(scene.gateway.status().udpSessionCount).toBe(0);
  });

  it('carries large datagrams in fragments both ways', () => {
    const payload = Uint8Array.from({ length: 4_000 }, (_, index) => index);
    scene.gateway.receiveDatagram(
      '1.2.3.4:5',
      { ip: guest.ip, port: 53 },
      payload,
      () => undefined,
    );
    const parts = packets();
    expect(parts.map((part) => part.moreFragments)).toEqual([true, true, false]);
  });

  it('forwards a client to the guest, and the answer back to that client', () => {
    const service = { ip: guest.ip, port: 53 };
    const replies: string[] = [];
    const send = (client: string): void =>
      scene.gateway.receiveDatagram(client, service, Uint8Array.of(1), (payload) =>
        replies.push(`${client} ${hex(payload)}`),
      );
    send('127.0.0.1:1000');
    send('127.0.0.1:2000');
    send('127.0.0.1:1000');
    const ports = datagrams().map(({ sourcePort }) => sourcePort);
    expect([ports[0] === ports[2], ports[0] === ports[1]]).toEqual([true, false]);
    sendUdp(server, { sourcePort: 53, destinationPort: ports[1]!, payload: Uint8Array.of(7) });
    expect(replies).toEqual(['127.0.0.1:2000 07']);
  });

  it('says no to ports of its own that nobody asked for', () => {
    sendUdp(server, datagram(7_000));
    expect(packets()[0]?.payload.subarray(0, 2)).toEqual(Uint8Array.of(3, 13));
  });
});

it('drops packets that claim to come from the gateway or from another net', () => {
  const payload = buildUdp({ sourcePort: 1, destinationPort: 2, payload: Uint8Array.of(1) }, 1, 2);
  guest.send(packetFrame(server, server, 17, payload));
  guest.send(packetFrame(parseIp('192.168.1.1')!, server, 17, payload));
  expect(scene.gateway.status().dropped).toEqual({ ipFromOurAddress: 1, ipFromElsewhere: 1 });
});

it('tries again to find a silent guest, now and then', () => {
  guest.isDeaf = true;
  const asked: Uint8Array[] = [];
  guest.take = (frame) => void asked.push(frame);
  scene.client(80);
  scene.clock.advance(10_000);
  expect(asked.length).toBeGreaterThan(3);
  expect(asked.length).toBeLessThan(12);
});
