/**
 * An Ethernet address as a number: exact (48 of 53 bits), and the cheapest key of a Map.
 * The first byte on the wire is the most significant one.
 */
export type MacAddress = number;

export const broadcastMac: MacAddress = 0xffff_ffff_ffff;
const GROUP_BIT = 2 ** 40;

export function readMac(bytes: Uint8Array, at: number): MacAddress {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const low =
    (((bytes[at + 2] ?? 0) << 24) |
      ((bytes[at + 3] ?? 0) << 16) |
      ((bytes[at + 4] ?? 0) << 8) |
      (bytes[at + 5] ?? 0)) >>>
    0;
  return high * 2 ** 32 + low;
}

export function writeMac(bytes: Uint8Array, at: number, mac: MacAddress): void {
  const high = Math.floor(mac / 2 ** 32);
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  bytes[at + 2] = mac >>> 24;
  bytes[at + 3] = mac >>> 16;
  bytes[at + 4] = mac >>> 8;
  bytes[at + 5] = mac;
}

/** Broadcast and multicast: addresses of many, which never send. */
export function isGroupMac(mac: MacAddress): boolean {
  return Math.floor(mac / GROUP_BIT) % 2 === 1;
}

export function formatMac(mac: MacAddress): string {
  const digits = mac.toString(16).padStart(12, '0');
  return digits.replace(/..(?!$)/g, '$&:');
}

/** Reads `52:54:00:12:34:56`; null when it is something else. */
export function parseMac(text: string): MacAddress | null {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) ? parseInt(text.replace(/:/g, ''), 16) : null;
}
