/** An IPv4 address as an unsigned 32-bit number; 10.0.2.15 is 0x0a00020f. */
export type Ipv4Address = number;

export const broadcastIp: Ipv4Address = 0xffff_ffff;

export function readIp(bytes: Uint8Array, at: number): Ipv4Address {
  return (
    (((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)) >>>
    0
  );
}

export function writeIp(bytes: Uint8Array, at: number, ip: Ipv4Address): void {
  bytes[at] = ip >>> 24;
  bytes[at + 1] = ip >>> 16;
  bytes[at + 2] = ip >>> 8;
  bytes[at + 3] = ip;
}

export function formatIp(ip: Ipv4Address): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}

/** Reads `10.0.2.15`; null when it is something else. */
export function parseIp(text: string): Ipv4Address | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) {
    return null;
  }
  return parts.reduce((ip, part) => ip * 256 + Number(part), 0);
}

/** The addresses of one link: those that share the first `prefixBits` bits with `base`. */
export interface Subnet {
  readonly base: Ipv4Address;
  readonly prefixBits: number;
}

/** Reads `10.0.2.0/24`. Smaller than /29 leaves no room for gateway, name server and guests. */
export function parseSubnet(text: string): Subnet | null {
  const [, address = '', bits = ''] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const ip = parseIp(address);
  const prefixBits = Number(bits);
  if (ip === null || prefixBits < 8 || prefixBits > 29) return null;
  return { base: (ip & maskOf(prefixBits)) >>> 0, prefixBits };
}

export function maskOf(prefixBits: number): Ipv4Address {
  return (0xffff_ffff << (32 - prefixBits)) >>> 0;
}

export function isInSubnet(ip: Ipv4Address, { base, prefixBits }: Subnet): boolean {
  return (ip & maskOf(prefixBits)) >>> 0 === base;
}

/** The address that means everybody on the link. */
export function subnetBroadcast({ base, prefixBits }: Subnet): Ipv4Address {
  return (base | ~maskOf(prefixBits)) >>> 0;
}
