import type { StreamPosition } from './tcp-sequence.js';
import type { TcpSettings } from './tcp-settings.js';

/**
 * The window we offer the guest: as wide as there is room for data the host has not taken yet.
 *
 * Shape:  its right edge never moves back, and forward only in steps worth a segment.
 * Source: RFC 9293 §3.8.6 (shrinking, silly window), RFC 7323 §2 (scaling).
 */
export class ReceiveWindow {
  readonly #bufferBytesMax: number;
  readonly #stepBytes: number;
  #shift = 0;
  #unreadBytes = 0;
  #edge: StreamPosition;

  constructor({ receiveBufferBytesMax, segmentBytesMax }: TcpSettings) {
    this.#bufferBytesMax = receiveBufferBytesMax;
    this.#stepBytes = Math.min(2 * segmentBytesMax, receiveBufferBytesMax / 2);
    // Without scaling no more than this can be said, and the SYN itself says it without.
    this.#edge = 1 + Math.min(0xffff, receiveBufferBytesMax);
  }

  /** One past the last byte the guest may send. */
  get edge(): StreamPosition {
    return this.#edge;
  }

  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Both sides scale: from the segment after the SYN on. */
  scaleBy(shift: number): void {
    this.#shift = shift;
  }

  delivered(bytes: number): void {
    this.#unreadBytes += bytes;
  }

  /** The host took `bytes`; true if the guest may be waiting to hear of it. */
  consumed(bytes: number, next: StreamPosition): boolean {
    this.#unreadBytes -= bytes;
    const isLow = this.#edge - next < this.#bufferBytesMax / 4;
    return isLow && this.#wanted(next) - this.#edge >= this.#stepBytes;
  }

  /** The window field of a segment that acknowledges up to `next`. */
  field(next: StreamPosition): number {
    const wanted = this.#wanted(next);
    if (wanted - this.#edge >= this.#stepBytes || this.#edge < next) {
      this.#edge = Math.max(this.#edge, wanted);
    }
    return Math.min(0xffff, (this.#edge - next) >> this.#shift);
  }

  #wanted(next: StreamPosition): StreamPosition {
    const widest = Math.min(this.#bufferBytesMax, 0xffff << this.#shift);
    return next + Math.min(widest, this.#bufferBytesMax - this.#unreadBytes);
  }
}
