import { readIp, writeIp, type Ipv4Address } from './ipv4-address.js';
import { readMac, writeMac, type MacAddress } from './mac-address.js';
import { readU32, writeU16, writeU32 } from './wire-bytes.js';

export const dhcpPort = { server: 67, client: 68 } as const;
/** RFC 2132 §9.6. */
export const dhcpType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

const option = {
  mask: 1,
  router: 3,
  nameServer: 6,
  requestedIp: 50,
  leaseTime: 51,
  type: 53,
  serverId: 54,
  end: 255,
} as const;

const OPTIONS_AT = 240;
const MAGIC = 0x6382_5363;
/** Some clients take no shorter message (RFC 1542 §2.1). */
const MESSAGE_BYTES = 300;

/** What a client says, as far as this server cares (RFC 2131 §2). */
export interface DhcpRequest {
  readonly type: number;
  readonly transaction: number;
  readonly clientMac: MacAddress;
  /** The address the client has already and uses; 0 if none. */
  readonly clientIp: Ipv4Address;
  readonly requestedIp: Ipv4Address | null;
  readonly serverId: Ipv4Address | null;
  readonly wantsBroadcast: boolean;
}

/** Null when it is no request of an Ethernet client. */
export function parseDhcp(bytes: Uint8Array): DhcpRequest | null {
  if (bytes.byteLength < OPTIONS_AT || readU32(bytes, OPTIONS_AT - 4) !== MAGIC) return null;
  if (bytes[0] !== 1 || bytes[1] !== 1 || bytes[2] !== 6) return null;
  let type: number | null = null;
  let requestedIp: Ipv4Address | null = null;
  let serverId: Ipv4Address | null = null;
  let at = OPTIONS_AT;
  while (at < bytes.byteLength && bytes[at] !== option.end) {
    const code = bytes[at];
    if (code === 0) {
      at += 1;
      continue;
    }
    const lengthBytes = bytes[at + 1] ?? 0;
    const valueAt = at + 2;
    if (valueAt + lengthBytes > bytes.byteLength) return null;
    if (code === option.type && lengthBytes === 1) type = bytes[valueAt] ?? 0;
    if (code === option.requestedIp && lengthBytes === 4) requestedIp = readIp(bytes, valueAt);
    if (code === option.serverId && lengthBytes === 4) serverId = readIp(bytes, valueAt);
    at = valueAt + lengthBytes;
  }
  if (type === null) return null;
  return {
    type,
    transaction: readU32(bytes, 4),
    clientMac: readMac(bytes, 28),
    clientIp: readIp(bytes, 12),
    requestedIp,
    serverId,
    wantsBroadcast: ((bytes[10] ?? 0) & 0x80) !== 0,
  };
}

export interface DhcpReply {
  readonly type: number;
  /** The client's address; 0 in a refusal. */
  readonly ip: Ipv4Address;
  readonly server: Ipv4Address;
  readonly mask: Ipv4Address;
  readonly router: Ipv4Address;
  readonly nameServer: Ipv4Address;
  /** Seconds; null for none, as in the answer to an `inform`. */
  readonly leaseSeconds: number | null;
}

export function buildDhcpReply(request: DhcpRequest, reply: DhcpReply): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  bytes.set([2, 1, 6]);
  writeU32(bytes, 4, request.transaction);
  if (request.wantsBroadcast) writeU16(bytes, 10, 0x8000);
  writeIp(bytes, 12, reply.type === dhcpType.nak ? 0 : request.clientIp);
  writeIp(bytes, 16, reply.ip);
  writeIp(bytes, 20, reply.type === dhcpType.nak ? 0 : reply.server);
  writeMac(bytes, 28, request.clientMac);
  writeU32(bytes, OPTIONS_AT - 4, MAGIC);
  let at = OPTIONS_AT;
  const put = (code: number, value: readonly number[]): void => {
    bytes.set([code, value.length, ...value], at);
    at += 2 + value.length;
  };
  put(option.type, [reply.type]);
  put(option.serverId, octets(reply.server));
  if (reply.type !== dhcpType.nak) {
    if (reply.leaseSeconds !== null) put(option.leaseTime, octets(reply.leaseSeconds));
    put(option.mask, octets(reply.mask));
    put(option.router, octets(reply.router));
    put(option.nameServer, octets(reply.nameServer));
  }
  bytes[at] = option.end;
  return bytes;
}

function octets(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
