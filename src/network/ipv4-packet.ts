import { ETHERNET_HEADER_BYTES } from './ethernet-frame.js';
import { foldSum, sumOf } from './internet-checksum.js';
import { readIp, writeIp, type Ipv4Address } from './ipv4-address.js';
import { readU16, writeU16 } from './wire-bytes.js';

export const IPV4_HEADER_BYTES = 20;
/** Where the payload of an IP packet starts in the frames we build: we write no options. */
export const IP_PAYLOAD_AT = ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES;

export const ipProtocol = { icmp: 1, tcp: 6, udp: 17 } as const;

const MORE_FRAGMENTS = 0x2000;
const DONT_FRAGMENT = 0x4000;
const HOPS = 64;

/** A packet taken apart; `payload` is a view, without the frame's padding. */
export interface Ipv4Packet {
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  readonly protocol: number;
  readonly identification: number;
  readonly hopsLeft: number;
  /** Where the payload stands in the whole one, in bytes. */
  readonly fragmentAt: number;
  readonly moreFragments: boolean;
  readonly payload: Uint8Array;
  /** Header and at most 8 bytes of payload: what an ICMP error about the packet quotes. */
  readonly quote: Uint8Array;
}

/** Null when it is cut short, of another version, or damaged (RFC 791, RFC 1122 §3.2.1). */
export function parseIpv4(bytes: Uint8Array): Ipv4Packet | null {
  if (bytes.byteLength < IPV4_HEADER_BYTES) return null;
  const versionAndLength = bytes[0] as number;
  const headerBytes = (versionAndLength & 15) * 4;
  const totalBytes = readU16(bytes, 2);
  if (versionAndLength >> 4 !== 4 || headerBytes < IPV4_HEADER_BYTES) return null;
  if (totalBytes < headerBytes || totalBytes > bytes.byteLength) return null;
  if (foldSum(sumOf(bytes, 0, headerBytes)) !== 0) return null;
  const fragment = readU16(bytes, 6);
  return {
    source: readIp(bytes, 12),
    destination: readIp(bytes, 16),
    protocol: bytes[9] as number,
    identification: readU16(bytes, 4),
    hopsLeft: bytes[8] as number,
    fragmentAt: (fragment & 0x1fff) * 8,
    moreFragments: (fragment & MORE_FRAGMENTS) !== 0,
    payload: bytes.subarray(headerBytes, totalBytes),
    quote: bytes.subarray(0, Math.min(totalBytes, headerBytes + 8)),
  };
}

export interface Ipv4Header {
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  readonly protocol: number;
  readonly identification: number;
  readonly payloadBytes: number;
  /** Only what may be cut into pieces needs these two. */
  readonly fragmentAt?: number;
  readonly moreFragments?: boolean;
}

/** Writes a header behind the Ethernet header of `frame`. */
export function writeIpv4Header(frame: Uint8Array, header: Ipv4Header): void {
  const at = ETHERNET_HEADER_BYTES;
  const { fragmentAt = 0, moreFragments = false } = header;
  const isWhole = fragmentAt === 0 && !moreFragments;
  frame[at] = 0x45;
  writeU16(frame, at + 2, IPV4_HEADER_BYTES + header.payloadBytes);
  writeU16(frame, at + 4, header.identification);
  const flags = isWhole ? DONT_FRAGMENT : moreFragments ? MORE_FRAGMENTS : 0;
  writeU16(frame, at + 6, flags | (fragmentAt >> 3));
  frame[at + 8] = HOPS;
  frame[at + 9] = header.protocol;
  writeIp(frame, at + 12, header.source);
  writeIp(frame, at + 16, header.destination);
  writeU16(frame, at + 10, foldSum(sumOf(frame, at, at + IPV4_HEADER_BYTES)));
}
