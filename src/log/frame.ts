import { crc32 } from './crc32.js';
import { LogCorruptError } from './log-corrupt-error.js';

export const frameHeadBytes = 8;
// A record holds what arrived within a millisecond; a damaged length must not claim the memory.
const frameBytesMax = 256 * 2 ** 20;

/** One piece of a log file or a journal, found whole or found out. */
export interface Frame {
  readonly tag: number;
  readonly content: Uint8Array;
  /** All of it, head included. */
  readonly frameBytes: number;
}

/** `length of body u32 | CRC-32 of length and body u32 | body: tag u8, content`, little endian. */
export function encodeFrame(tag: number, content: Uint8Array): Uint8Array {
  const frame = new Uint8Array(frameHeadBytes + 1 + content.byteLength);
  const view = viewOf(frame);
  frame[frameHeadBytes] = tag;
  frame.set(content, frameHeadBytes + 1);
  view.setUint32(0, 1 + content.byteLength, true);
  view.setUint32(4, frameChecksum(frame), true);
  return frame;
}

/** The frame at the start of `bytes`; null if it is not all there. Throws if it is damaged. */
export function decodeFrame(bytes: Uint8Array): Frame | null {
  if (bytes.byteLength < frameHeadBytes) return null;
  const view = viewOf(bytes);
  const bodyBytes = view.getUint32(0, true);
  if (bodyBytes < 1 || bodyBytes > frameBytesMax) {
    throw new LogCorruptError(`a frame claims ${bodyBytes} bytes`);
  }
  const frameBytes = frameHeadBytes + bodyBytes;
  if (bytes.byteLength < frameBytes) return null;
  const frame = bytes.subarray(0, frameBytes);
  if (frameChecksum(frame) !== view.getUint32(4, true)) {
    throw new LogCorruptError('a frame has the wrong checksum');
  }
  const content = frame.subarray(frameHeadBytes + 1);
  return { tag: frame[frameHeadBytes] ?? 0, content, frameBytes };
}

function frameChecksum(frame: Uint8Array): number {
  return crc32(frame.subarray(frameHeadBytes), crc32(frame.subarray(0, 4)));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
