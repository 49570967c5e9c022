import type { ConsoleOffset } from '../units.js';

/** The WebSocket subprotocol of `/console`. */
export const CONSOLE_SUBPROTOCOL = 'ftvm-console.v1';

/*
 * reader: one message of 8 bytes, the offset it wants to go on from (float64, little endian);
 *         then raw bytes typed, in messages of any size.
 * server: messages of 8 bytes of offset, of the first byte that follows, and the bytes.
 */
const offsetBytes = 8;

export function encodeConsoleGreeting(from: ConsoleOffset): Uint8Array {
  return encodeConsoleOutput(new Uint8Array(0), from);
}

/** Null for anything else than a greeting. */
export function decodeConsoleGreeting(message: Uint8Array): ConsoleOffset | null {
  if (message.byteLength !== offsetBytes) return null;
  return offsetOf(message);
}

export function encodeConsoleOutput(bytes: Uint8Array, offset: ConsoleOffset): Uint8Array {
  const message = new Uint8Array(offsetBytes + bytes.byteLength);
  new DataView(message.buffer).setFloat64(0, offset, true);
  message.set(bytes, offsetBytes);
  return message;
}

/** Null for a message that is too short or has no sensible offset. */
export function decodeConsoleOutput(
  message: Uint8Array,
): { readonly offset: ConsoleOffset; readonly bytes: Uint8Array } | null {
  if (message.byteLength < offsetBytes) return null;
  const offset = offsetOf(message);
  return offset === null ? null : { offset, bytes: message.subarray(offsetBytes) };
}

function offsetOf(message: Uint8Array): ConsoleOffset | null {
  const offset = new DataView(message.buffer, message.byteOffset).getFloat64(0, true);
  return Number.isSafeInteger(offset) && offset >= 0 ? offset : null;
}
