/**
 * Blocks of a packet capture file (pcapng): what Wireshark, tshark and tcpdump read.
 *
 * Shape:  a section block first, then one interface block for each port in the order of their
 *         numbers, from 0, each before its first frame. Little endian; times in microseconds.
 * Errors: none; a frame too short to be one has no business here.
 * Source: draft-ietf-opsawg-pcapng, sections 4.1 to 4.3.
 */
export function sectionBlock(): Uint8Array {
  const body = new DataView(new ArrayBuffer(16));
  body.setUint32(0, BYTE_ORDER, true);
  body.setUint16(4, 1, true);
  // The length of the section is not known beforehand.
  body.setBigInt64(8, -1n, true);
  return block(SECTION, new Uint8Array(body.buffer));
}

/** `name` is what readers show for the port. */
export function interfaceBlock(name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  const body = new Uint8Array(8 + 4 + padded(text.byteLength) + 4);
  const view = new DataView(body.buffer);
  view.setUint16(0, LINKTYPE_ETHERNET, true);
  view.setUint16(8, OPTION_NAME, true);
  view.setUint16(10, text.byteLength, true);
  body.set(text, 12);
  return block(INTERFACE, body);
}

/** `atMs` is milliseconds since 1970, with a fraction. */
export function packetBlock(port: number, atMs: number, frame: Uint8Array): Uint8Array {
  const body = new Uint8Array(20 + padded(frame.byteLength));
  const view = new DataView(body.buffer);
  const atUs = Math.round(atMs * 1000);
  view.setUint32(0, port, true);
  view.setUint32(4, Math.floor(atUs / 2 ** 32), true);
  view.setUint32(8, atUs >>> 0, true);
  view.setUint32(12, frame.byteLength, true);
  view.setUint32(16, frame.byteLength, true);
  body.set(frame, 20);
  return block(PACKET, body);
}

function block(type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.byteLength + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, bytes.byteLength, true);
  bytes.set(body, 8);
  view.setUint32(bytes.byteLength - 4, bytes.byteLength, true);
  return bytes;
}

function padded(lengthBytes: number): number {
  return Math.ceil(lengthBytes / 4) * 4;
}

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
const OPTION_NAME = 2;
