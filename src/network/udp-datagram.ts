import { foldSum, pseudoHeaderSum, sumOf } from './internet-checksum.js';
import type { Ipv4Address } from './ipv4-address.js';
import { ipProtocol } from './ipv4-packet.js';
import { readU16, writeU16 } from './wire-bytes.js';

const UDP_HEADER_BYTES = 8;
/** What fits in one IPv4 packet. */
export const UDP_PAYLOAD_BYTES_MAX = 65_535 - 20 - UDP_HEADER_BYTES;

export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** A view of what it was parsed from. */
  readonly payload: Uint8Array;
}

/** Null when it is cut short or damaged. A checksum of 0 means there is none (RFC 768). */
export function parseUdp(
  bytes: Uint8Array,
  source: Ipv4Address,
  destination: Ipv4Address,
): UdpDatagram | null {
  if (bytes.byteLength < UDP_HEADER_BYTES) return null;
  const lengthBytes = readU16(bytes, 4);
  if (lengthBytes < UDP_HEADER_BYTES || lengthBytes > bytes.byteLength) return null;
  if (readU16(bytes, 6) !== 0) {
    const pseudo = pseudoHeaderSum(source, destination, ipProtocol.udp, lengthBytes);
    if (foldSum(pseudo + sumOf(bytes, 0, lengthBytes)) !== 0) return null;
  }
  return {
    sourcePort: readU16(bytes, 0),
    destinationPort: readU16(bytes, 2),
    payload: bytes.subarray(UDP_HEADER_BYTES, lengthBytes),
  };
}

export function buildUdp(
  datagram: UdpDatagram,
  source: Ipv4Address,
  destination: Ipv4Address,
): Uint8Array {
  const lengthBytes = UDP_HEADER_BYTES + datagram.payload.byteLength;
  const bytes = new Uint8Array(lengthBytes);
  writeU16(bytes, 0, datagram.sourcePort);
  writeU16(bytes, 2, datagram.destinationPort);
  writeU16(bytes, 4, lengthBytes);
  bytes.set(datagram.payload, UDP_HEADER_BYTES);
  const pseudo = pseudoHeaderSum(source, destination, ipProtocol.udp, lengthBytes);
  // A sum that comes out as 0 is sent as its other spelling, since 0 means "no checksum".
  writeU16(bytes, 6, foldSum(pseudo + sumOf(bytes, 0, lengthBytes)) || 0xffff);
  return bytes;
}
