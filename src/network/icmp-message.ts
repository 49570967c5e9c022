import { foldSum, sumOf } from './internet-checksum.js';
import { copyOf, writeU16 } from './wire-bytes.js';

/** RFC 792. */
export const icmpType = { echoReply: 0, unreachable: 3, echoRequest: 8 } as const;
/** Codes of `unreachable`; the last is RFC 1812 §5.2.7.1: a router that was told not to. */
export const unreachableCode = { host: 1, port: 3, prohibited: 13 } as const;

const ICMP_HEADER_BYTES = 8;

/** The reply to an echo request, or null if `message` is anything else or damaged. */
export function echoReplyTo(message: Uint8Array): Uint8Array | null {
  if (message.byteLength < ICMP_HEADER_BYTES || message[0] !== icmpType.echoRequest) return null;
  if (message[1] !== 0 || foldSum(sumOf(message, 0, message.byteLength)) !== 0) return null;
  const reply = copyOf(message);
  reply[0] = icmpType.echoReply;
  return withChecksum(reply);
}

/** "Destination unreachable", quoting the packet that could not be delivered. */
export function buildUnreachable(code: number, quote: Uint8Array): Uint8Array {
  const message = new Uint8Array(ICMP_HEADER_BYTES + quote.byteLength);
  message[0] = icmpType.unreachable;
  message[1] = code;
  message.set(quote, ICMP_HEADER_BYTES);
  return withChecksum(message);
}

function withChecksum(message: Uint8Array): Uint8Array {
  writeU16(message, 2, 0);
  writeU16(message, 2, foldSum(sumOf(message, 0, message.byteLength)));
  return message;
}
