import { describe, expect, it } from 'vitest';
import { parseArp } from '../../src/network/arp-packet.js';
import { etherType, parseEthernet } from '../../src/network/ethernet-frame.js';
import { parseForward, formatForward } from '../../src/network/forward-rule.js';
import { buildUnreachable, echoReplyTo } from '../../src/network/icmp-message.js';
import { foldSum, sumOf } from '../../src/network/internet-checksum.js';
import { IpOutput } from '../../src/network/ip-output.js';
import { formatIp, isInSubnet, parseIp, parseSubnet } from '../../src/network/ipv4-address.js';
import { parseIpv4, type Ipv4Packet } from '../../src/network/ipv4-packet.js';
import { Ipv4Reassembly } from '../../src/network/ipv4-reassembly.js';
import { announceMac } from '../../src/network/mac-announcement.js';
import { broadcastMac, formatMac, isGroupMac, parseMac } from '../../src/network/mac-address.js';
import { StreamFraming, streamHeader } from '../../src/network/stream-framing.js';
import { buildUdp, parseUdp } from '../../src/network/udp-datagram.js';
import { parseUplink } from '../../src/network/uplink-address.js';
import { AlarmQueue } from '../../src/network/alarm-queue.js';
import { Neighbours } from '../../src/network/neighbours.js';
import { VirtualClock } from './virtual-clock.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));

describe('addresses', () => {
  it('reads and writes them', () => {
    expect(formatMac(parseMac('52:54:00:12:34:56')!)).toBe('52:54:00:12:34:56');
    expect(parseMac('52:54:00:12:34')).toBeNull();
    expect([isGroupMac(broadcastMac), isGroupMac(parseMac('01:00:5e:00:00:01')!)]).toEqual([
      true,
      true,
    ]);
    expect(isGroupMac(parseMac('fe:ff:ff:ff:ff:ff')!)).toBe(false);
    expect(formatIp(parseIp('192.168.255.1')!)).toBe('192.168.255.1');
    for (const text of ['10.0.2', '10.0.2.256', '10.0.2.x', '10.0.2.1.1', '']) {
      expect(parseIp(text)).toBeNull();
    }
  });

  it('knows who is in a subnet', () => {
    const subnet = parseSubnet('192.168.7.9/24')!;
    expect(formatIp(subnet.base)).toBe('192.168.7.0');
    expect(isInSubnet(parseIp('192.168.7.255')!, subnet)).toBe(true);
    expect(isInSubnet(parseIp('192.168.8.0')!, subnet)).toBe(false);
    for (const text of ['10.0.2.0/30', '10.0.2.0/7', '10.0.2.0', '10.0.2.0/x']) {
      expect(parseSubnet(text)).toBeNull();
    }
  });
});

describe('options', () => {
  it.each([
    '127.0.0.1:8080:80',
    '127.0.0.1:0:10.0.2.16:22',
    'localhost:5353:53/udp',
    '[::1]:5353:10.0.2.20:53/udp',
  ])('understands the forward %s', (text) => {
    expect(formatForward(parseForward(text)!)).toBe(text);
  });

  it.each(['8080:80', '127.0.0.1:8080:0', '127.0.0.1:70000:80', '127.0.0.1:1:10.0.2.999:80', 'x'])(
    'refuses the forward %s',
    (text) => expect(parseForward(text)).toBeNull(),
  );

  it('understands uplinks', () => {
    expect(parseUplink('stream:unix:/run/passt.socket')).toEqual({
      kind: 'unix',
      path: '/run/passt.socket',
    });
    expect(parseUplink('stream:tcp:[::1]:1234')).toEqual({ kind: 'tcp', host: '::1', port: 1234 });
    for (const text of ['unix:/x', 'stream:tcp:host', 'stream:tcp:h:0', 'stream:unix:']) {
      expect(parseUplink(text)).toBeNull();
    }
  });
});

it('sums as RFC 1071 does in its example', () => {
  expect(foldSum(sumOf(unhex('0001f203f4f5f6f7'), 0, 8))).toBe(~0xddf2 & 0xffff);
});

it('announces a MAC by RARP, and by gratuitous ARP when its address is known', () => {
  const mac = parseMac('52:54:00:12:34:56')!;
  const [rarp, garp, ...more] = announceMac(mac, parseIp('10.0.2.15'));
  expect(more).toEqual([]);
  expect(hex(rarp!.subarray(0, 42))).toBe(
    'ffffffffffff525400123456' +
      '8035' +
      '0001080006040003' +
      '52540012345600000000' +
      '52540012345600000000',
  );
  expect(hex(garp!.subarray(0, 42))).toBe(
    'ffffffffffff525400123456' +
      '0806' +
      '0001080006040001' +
      '5254001234560a00020f' +
      '0000000000000a00020f',
  );
  expect([rarp!.byteLength, garp!.byteLength]).toEqual([60, 60]);
  expect(announceMac(mac, null)).toHaveLength(1);
  expect(parseEthernet(rarp!)!.type).toBe(etherType.rarp);
  expect(parseArp(parseEthernet(garp!)!.payload)).toMatchObject({ operation: 1, senderMac: mac });
});

describe('IPv4', () => {
  // A captured ICMP echo request, 10.0.2.15 to 10.0.2.2.
  const packet = unhex('4500001c1c4640004001067d0a00020f0a000202' + '0800f7fe00000001');
  const valid = (): Uint8Array => {
    const bytes = packet.slice();
    bytes.set([0, 0], 10);
    const sum = foldSum(sumOf(bytes, 0, 20));
    bytes.set([sum >> 8, sum & 255], 10);
    return bytes;
  };

  it('takes a packet apart and leaves padding out', () => {
    const padded = new Uint8Array(46);
    padded.set(valid());
    expect(parseIpv4(padded)).toMatchObject({ protocol: 1, hopsLeft: 64, fragmentAt: 0 });
    expect(parseIpv4(padded)!.payload.byteLength).toBe(8);
  });

  it('refuses what is damaged, cut short or of another version', () => {
    for (let byte = 0; byte < 20; byte += 1) {
      const damaged = valid();
      damaged[byte]! ^= 0x11;
      expect(parseIpv4(damaged)).toBeNull();
    }
    for (let length = 0; length < 28; length += 1)
      expect(parseIpv4(valid().subarray(0, length))).toBeNull();
  });

  it('fragments what is too large, and puts it together in any order, once', () => {
    const frames: Uint8Array[] = [];
    const neighbours = new Neighbours(
      new AlarmQueue(new VirtualClock()),
      () => undefined,
      (f) => frames.push(f),
    );
    neighbours.heard(9, 9);
    const output = new IpOutput(1, neighbours, () => undefined);
    const payload = Uint8Array.from({ length: 5_000 }, (_, index) => index * 7);
    output.send({ source: 8, destination: 9, protocol: 17, payload });
    expect(frames.map((frame) => frame.byteLength)).toEqual([1514, 1514, 1514, 594]);
    const parts = frames.map((frame) => parseIpv4(parseEthernet(frame)!.payload)!);
    const reassembly = new Ipv4Reassembly();
    const results = [2, 0, 3, 1].map((index) => reassembly.take(parts[index]!, 0));
    expect(results.slice(0, 3)).toEqual([null, null, null]);
    expect(hex(results[3]!.payload)).toBe(hex(payload));
    expect(reassembly.take(parts[0]!, 0)).toBeNull();
  });

  it('drops overlapping and endless fragments, and keeps few', () => {
    const reassembly = new Ipv4Reassembly();
    const part = (identification: number, fragmentAt: number, bytes: number): Ipv4Packet => ({
      source: 1,
      destination: 2,
      protocol: 17,
      identification,
      hopsLeft: 1,
      fragmentAt,
      moreFragments: true,
      payload: new Uint8Array(bytes),
      quote: new Uint8Array(0),
    });
    reassembly.take(part(1, 0, 800), 0);
    reassembly.take(part(1, 792, 800), 0);
    expect(reassembly.dropped).toBe(1);
    reassembly.take(part(2, 65_528, 800), 0);
    expect(reassembly.dropped).toBe(2);
    // Beyond what turns out to be the last: no place for it in the whole.
    reassembly.take(part(3, 1_000, 8), 0);
    expect(reassembly.take({ ...part(3, 8, 8), moreFragments: false }, 0)).toBeNull();
    expect(reassembly.dropped).toBe(3);
    for (let id = 10; id < 1_000; id += 1) reassembly.take(part(id, 0, 8), 0);
    expect(reassembly.dropped).toBeGreaterThan(970);
  });
});

describe('ICMP', () => {
  it('answers an echo request with the same words', () => {
    const request = unhex('0800' + 'a5fe' + '00010001' + '5152');
    request.set([0, 0], 2);
    const sum = foldSum(sumOf(request, 0, request.byteLength));
    request.set([sum >> 8, sum & 255], 2);
    const reply = echoReplyTo(request)!;
    expect([reply[0], hex(reply.subarray(4))]).toEqual([0, '000100015152']);
    expect(foldSum(sumOf(reply, 0, reply.byteLength))).toBe(0);
    expect(echoReplyTo(reply)).toBeNull();
    expect(echoReplyTo(request.subarray(0, 7))).toBeNull();
  });

  it('quotes what could not be delivered', () => {
    const message = buildUnreachable(13, unhex('45'.repeat(28)));
    expect([message[0], message[1], message.byteLength]).toEqual([3, 13, 36]);
    expect(foldSum(sumOf(message, 0, 36))).toBe(0);
  });
});

describe('UDP', () => {
  it('builds and parses datagrams, empty and odd ones too', () => {
    for (const length of [0, 1, 2, 999]) {
      const payload = new Uint8Array(length).fill(3);
      const bytes = buildUdp({ sourcePort: 53, destinationPort: 1024, payload }, 1, 2);
      expect(parseUdp(bytes, 1, 2)).toEqual({ sourcePort: 53, destinationPort: 1024, payload });
      bytes[0]! ^= 1;
      expect(parseUdp(bytes, 1, 2)).toBeNull();
    }
  });

  it('takes a datagram without a checksum', () => {
    const bytes = buildUdp({ sourcePort: 1, destinationPort: 2, payload: unhex('aa') }, 1, 2);
    bytes.set([0, 0], 6);
    expect(parseUdp(bytes, 1, 2)).not.toBeNull();
  });
});

describe('frames on a stream', () => {
  it('come out as they went in, however the stream is cut', () => {
    const frames = [60, 1514, 0, 14].map((length) => new Uint8Array(length).fill(length));
    const stream = Buffer.concat(frames.flatMap((frame) => [streamHeader(frame), frame]));
    for (const step of [1, 3, 7, 100, 5_000]) {
      const received: string[] = [];
      const framing = new StreamFraming((frame) => received.push(hex(frame)));
      for (let at = 0; at < stream.byteLength; at += step) {
        expect(framing.feed(stream.subarray(at, at + step))).toBe(true);
      }
      expect(received).toEqual(frames.map(hex));
    }
  });

  it('make no sense when the length is absurd', () => {
    const framing = new StreamFraming(() => undefined);
    expect(framing.feed(new TextEncoder().encode('HTTP/1.1 400 Bad Request'))).toBe(false);
  });
});
