import { foldSum, pseudoHeaderSum, sumOf } from './internet-checksum.js';
import type { Ipv4Address } from './ipv4-address.js';
import { IP_PAYLOAD_AT, ipProtocol } from './ipv4-packet.js';
import { readU16, readU32, writeU16, writeU32 } from './wire-bytes.js';

export const TCP_HEADER_BYTES = 20;

export const tcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

/** A segment as it is on the wire (RFC 9293 §3.1): numbers are 32 bits, the window is not scaled yet. */
export interface TcpSegment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  /** Of a SYN: largest payload the sender takes; null if it did not say. */
  readonly maximumSegmentBytes: number | null;
  /** Of a SYN: the sender's windows are in units of 2^this; null if it knows no scaling (RFC 7323). */
  readonly windowShift: number | null;
  /** A view of what it was parsed from. */
  readonly payload: Uint8Array;
}

/** Null when it is cut short or damaged. Options that make no sense are skipped. */
export function parseTcp(
  bytes: Uint8Array,
  source: Ipv4Address,
  destination: Ipv4Address,
): TcpSegment | null {
  const lengthBytes = bytes.byteLength;
  if (lengthBytes < TCP_HEADER_BYTES) return null;
  const headerBytes = ((bytes[12] as number) >> 4) * 4;
  if (headerBytes < TCP_HEADER_BYTES || headerBytes > lengthBytes) return null;
  const pseudo = pseudoHeaderSum(source, destination, ipProtocol.tcp, lengthBytes);
  if (foldSum(pseudo + sumOf(bytes, 0, lengthBytes)) !== 0) return null;
  const flags = (bytes[13] as number) & 0x3f;
  const options = (flags & tcpFlag.syn) === 0 ? noOptions : parseOptions(bytes, headerBytes);
  return {
    sourcePort: readU16(bytes, 0),
    destinationPort: readU16(bytes, 2),
    sequence: readU32(bytes, 4),
    acknowledgment: readU32(bytes, 8),
    flags,
    window: readU16(bytes, 14),
    maximumSegmentBytes: options.maximumSegmentBytes,
    windowShift: options.windowShift,
    payload: bytes.subarray(headerBytes),
  };
}

interface SynOptions {
  readonly maximumSegmentBytes: number | null;
  readonly windowShift: number | null;
}
const noOptions: SynOptions = { maximumSegmentBytes: null, windowShift: null };

function parseOptions(bytes: Uint8Array, headerBytes: number): SynOptions {
  let maximumSegmentBytes: number | null = null;
  let windowShift: number | null = null;
  let at = TCP_HEADER_BYTES;
  while (at < headerBytes) {
    const kind = bytes[at];
    if (kind === 0) break;
    if (kind === 1) {
      at += 1;
      continue;
    }
    const optionBytes = bytes[at + 1] ?? 0;
    if (optionBytes < 2 || at + optionBytes > headerBytes) break;
    if (kind === 2 && optionBytes === 4) maximumSegmentBytes = readU16(bytes, at + 2);
    // Shifts above 14 would reach past the sequence space (RFC 7323 §2.3).
    if (kind === 3 && optionBytes === 3) windowShift = Math.min(14, bytes[at + 2] ?? 0);
    at += optionBytes;
  }
  return { maximumSegmentBytes, windowShift };
}

/** Bytes of options a SYN of ours carries: MSS, and window scaling with its padding. */
export function synOptionBytes(segment: Pick<TcpSegment, 'windowShift'>): number {
  return segment.windowShift === null ? 4 : 8;
}

/** Everything of a segment but its payload, which may come from several places. */
export type TcpHeader = Omit<TcpSegment, 'payload'>;

/**
 * Writes header and checksum of a segment at its place in `frame`, the payload being there already,
 * behind the header. A header with `maximumSegmentBytes` gets the options of a SYN.
 */
export function writeTcpHeader(
  frame: Uint8Array,
  header: TcpHeader,
  source: Ipv4Address,
  destination: Ipv4Address,
  payloadBytes: number,
): void {
  const at = IP_PAYLOAD_AT;
  const hasOptions = header.maximumSegmentBytes !== null;
  const headerBytes = TCP_HEADER_BYTES + (hasOptions ? synOptionBytes(header) : 0);
  writeU16(frame, at, header.sourcePort);
  writeU16(frame, at + 2, header.destinationPort);
  writeU32(frame, at + 4, header.sequence);
  writeU32(frame, at + 8, header.acknowledgment);
  frame[at + 12] = (headerBytes / 4) << 4;
  frame[at + 13] = header.flags;
  writeU16(frame, at + 14, header.window);
  if (header.maximumSegmentBytes !== null) {
    frame[at + 20] = 2;
    frame[at + 21] = 4;
    writeU16(frame, at + 22, header.maximumSegmentBytes);
    if (header.windowShift !== null) frame.set([1, 3, 3, header.windowShift], at + 24);
  }
  const lengthBytes = headerBytes + payloadBytes;
  const pseudo = pseudoHeaderSum(source, destination, ipProtocol.tcp, lengthBytes);
  writeU16(frame, at + 16, foldSum(pseudo + sumOf(frame, at, at + lengthBytes)));
}
