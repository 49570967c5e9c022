import { FRAME_BYTES_MAX } from './ethernet-frame.js';
import { copyOf, readU32, writeU32 } from './wire-bytes.js';

const LENGTH_BYTES = 4;
/** QEMU's own bound; whoever says more speaks something else. */
const STREAM_FRAME_BYTES_MAX = 68 * 1024;

/**
 * Frames on a byte stream as QEMU's `-netdev stream` has them: a length of 4 bytes, big-endian,
 * before each.
 *
 * Errors: `feed` answers false once the stream makes no sense; there is no way back into step, so
 *         the connection has to go. Frames over the switch's limit are left to it to count.
 * Source: QEMU net/stream.c and net/net.c, described in qemu(1); passt(1) speaks the same.
 */
export class StreamFraming {
  readonly #received: (frame: Uint8Array) => void;
  #rest: Uint8Array | null = null;

  constructor(received: (frame: Uint8Array) => void) {
    this.#received = received;
  }

  feed(chunk: Uint8Array): boolean {
    let bytes = chunk;
    if (this.#rest !== null) {
      bytes = new Uint8Array(this.#rest.byteLength + chunk.byteLength);
      bytes.set(this.#rest, 0);
      bytes.set(chunk, this.#rest.byteLength);
      this.#rest = null;
    }
    let at = 0;
    while (bytes.byteLength - at >= LENGTH_BYTES) {
      const frameBytes = readU32(bytes, at);
      if (frameBytes > STREAM_FRAME_BYTES_MAX) return false;
      const end = at + LENGTH_BYTES + frameBytes;
      if (end > bytes.byteLength) break;
      this.#received(bytes.subarray(at + LENGTH_BYTES, end));
      at = end;
    }
    if (at < bytes.byteLength) this.#rest = copyOf(bytes.subarray(at));
    return true;
  }
}

/** The length that goes before a frame. */
export function streamHeader(frame: Uint8Array): Uint8Array {
  const header = new Uint8Array(LENGTH_BYTES);
  writeU32(header, 0, Math.min(frame.byteLength, FRAME_BYTES_MAX));
  return header;
}
