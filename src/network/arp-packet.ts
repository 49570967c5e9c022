import { ETHERNET_HEADER_BYTES, etherType, newFrame } from './ethernet-frame.js';
import { readIp, writeIp, type Ipv4Address } from './ipv4-address.js';
import { readMac, writeMac, type MacAddress } from './mac-address.js';
import { readU16, writeU16 } from './wire-bytes.js';

/** RFC 826, and RFC 903 for the reverse. */
export const arpOperation = { request: 1, reply: 2, reverseRequest: 3 } as const;

export const ARP_BYTES = 28;

/** ARP between Ethernet and IPv4, the only pair there is here. */
export interface ArpPacket {
  readonly operation: number;
  readonly senderMac: MacAddress;
  readonly senderIp: Ipv4Address;
  readonly targetMac: MacAddress;
  readonly targetIp: Ipv4Address;
}

/** Null when it is too short or about other kinds of address. */
export function parseArp(payload: Uint8Array): ArpPacket | null {
  if (payload.byteLength < ARP_BYTES) return null;
  const isOurs =
    readU16(payload, 0) === 1 &&
    readU16(payload, 2) === etherType.ipv4 &&
    payload[4] === 6 &&
    payload[5] === 4;
  if (!isOurs) return null;
  return {
    operation: readU16(payload, 6),
    senderMac: readMac(payload, 8),
    senderIp: readIp(payload, 14),
    targetMac: readMac(payload, 18),
    targetIp: readIp(payload, 24),
  };
}

export function buildArpFrame(
  destination: MacAddress,
  packet: ArpPacket,
  type: number = etherType.arp,
): Uint8Array {
  const frame = newFrame(destination, packet.senderMac, type, ARP_BYTES);
  const at = ETHERNET_HEADER_BYTES;
  writeU16(frame, at, 1);
  writeU16(frame, at + 2, etherType.ipv4);
  frame[at + 4] = 6;
  frame[at + 5] = 4;
  writeU16(frame, at + 6, packet.operation);
  writeMac(frame, at + 8, packet.senderMac);
  writeIp(frame, at + 14, packet.senderIp);
  writeMac(frame, at + 18, packet.targetMac);
  writeIp(frame, at + 24, packet.targetIp);
  return frame;
}
