import type { Ipv4Address } from './ipv4-address.js';

/**
 * The 16-bit ones' complement sum of IP, ICMP, UDP and TCP, not yet folded: `sum` values add up.
 * Every part but the last has an even length.
 *
 * Source: RFC 1071. A sum of 64 KiB stays below 2^31, so it needs no folding on the way.
 */
export function sumOf(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  const even = to - ((to - from) & 1);
  for (let at = from; at < even; at += 2) {
    sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  }
  if (even < to) sum += (bytes[even] as number) << 8;
  return sum;
}

/** What UDP and TCP add to their sum: who talks to whom (RFC 9293 §3.1). */
export function pseudoHeaderSum(
  source: Ipv4Address,
  destination: Ipv4Address,
  protocol: number,
  lengthBytes: number,
): number {
  return (
    (source >>> 16) +
    (source & 0xffff) +
    (destination >>> 16) +
    (destination & 0xffff) +
    protocol +
    lengthBytes
  );
}

/** Folds a sum into the checksum field. A message with a right checksum in it folds to 0. */
export function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}
