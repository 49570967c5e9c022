/**
 * How far along a stream a byte is: 0 is the SYN, 1 the first byte of data. Inside the endpoint
 * positions are whole numbers that never wrap; only the wire has 32 bits of them, plus the initial
 * sequence number.
 */
export type StreamPosition = number;

export function toWire(position: StreamPosition, initial: number): number {
  return (initial + position) >>> 0;
}

/**
 * The position a sequence number stands for: of all that look alike on the wire, the one nearest to
 * `near` (RFC 9293 §3.4, comparisons modulo 2^32). It may be negative: garbage, or very old.
 */
export function fromWire(sequence: number, initial: number, near: StreamPosition): StreamPosition {
  const distance = (sequence - toWire(near, initial)) | 0;
  return near + distance;
}
