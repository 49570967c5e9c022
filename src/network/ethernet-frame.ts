import { FrameMemory } from './frame-memory.js';
import { readMac, writeMac, type MacAddress } from './mac-address.js';
import { readU16, writeU16 } from './wire-bytes.js';

export const ETHERNET_HEADER_BYTES = 14;
/** Without checksum; real Ethernet pads to it, and drivers of real cards insist. */
export const FRAME_BYTES_MIN = 60;
/** 1500 bytes of payload, the header, and a VLAN tag. */
export const FRAME_BYTES_MAX = 1518;
/** Largest IP packet in a frame. */
export const MTU_BYTES = 1500;

export const etherType = { ipv4: 0x0800, arp: 0x0806, rarp: 0x8035, ipv6: 0x86dd } as const;

/** A frame taken apart; `payload` is a view of it, padding included. */
export interface EthernetFrame {
  readonly destination: MacAddress;
  readonly source: MacAddress;
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Null for a runt: not even a header. */
export function parseEthernet(frame: Uint8Array): EthernetFrame | null {
  if (frame.byteLength < ETHERNET_HEADER_BYTES) return null;
  return {
    destination: readMac(frame, 0),
    source: readMac(frame, 6),
    type: readU16(frame, 12),
    payload: frame.subarray(ETHERNET_HEADER_BYTES),
  };
}

const memory = new FrameMemory();

/** A new frame with its header written, padded to the minimum; the payload is the caller's to fill. */
export function newFrame(
  destination: MacAddress,
  source: MacAddress,
  type: number,
  payloadBytes: number,
): Uint8Array {
  const frame = memory.take(Math.max(FRAME_BYTES_MIN, ETHERNET_HEADER_BYTES + payloadBytes));
  writeMac(frame, 0, destination);
  writeMac(frame, 6, source);
  writeU16(frame, 12, type);
  return frame;
}
