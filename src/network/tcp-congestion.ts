import type { StreamPosition } from './tcp-sequence.js';

/**
 * How much may be on its way. There is no congested Internet between gateway and guest, but there
 * are small places: the receive ring of an ne2k holds eight full frames, and what does not fit is
 * gone.
 *
 * Units:  bytes.
 * Source: RFC 5681 (slow start, congestion avoidance), RFC 3465 (bytes counted), RFC 6582 (NewReno recovery),
 *         RFC 6928 (the initial window), RFC 3042 (limited transmit).
 */
export class CongestionWindow {
  #segmentBytes: number;
  #bytes: number;
  #thresholdBytes = Infinity;
  #duplicates = 0;
  /** While recovering: everything sent before the loss was noticed. */
  #recoverTo: StreamPosition | null = null;
  /** Duplicate acknowledgments below this say nothing new: they answer our own repetitions. */
  #deafTo: StreamPosition = 0;

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes;
    this.#bytes = initialWindow(segmentBytes);
  }

  get bytes(): number {
    // Each of the first two duplicates lets one new segment out: it may make the third.
    const limitedTransmit = this.#recoverTo === null ? Math.min(2, this.#duplicates) : 0;
    return this.#bytes + limitedTransmit * this.#segmentBytes;
  }

  get isRecovering(): boolean {
    return this.#recoverTo !== null;
  }

  /** The peer has said how large its segments may be. */
  segmentBytesKnown(segmentBytes: number): void {
    this.#segmentBytes = segmentBytes;
    this.#bytes = initialWindow(segmentBytes);
  }

  /**
   * New data was acknowledged, up to `acked`. `retransmit` means that the segment there is lost too:
   * the acknowledgment ended inside what was on its way when recovery began.
   */
  advanced(acked: StreamPosition, bytes: number, inFlightBytes: number): 'retransmit' | 'go on' {
    this.#duplicates = 0;
    if (this.#recoverTo !== null) {
      if (acked < this.#recoverTo) {
        this.#bytes = Math.max(this.#segmentBytes, this.#bytes - bytes);
        if (bytes >= this.#segmentBytes) this.#bytes += this.#segmentBytes;
        return 'retransmit';
      }
      this.#recoverTo = null;
      this.#bytes = Math.min(this.#thresholdBytes, inFlightBytes + this.#segmentBytes);
      return 'go on';
    }
    // By all that was acknowledged: a busy guest answers dozens of segments with one acknowledgment.
    if (this.#bytes < this.#thresholdBytes) this.#bytes += bytes;
    else this.#bytes += Math.max(1, (this.#segmentBytes * bytes) / this.#bytes);
    this.#bytes = Math.min(this.#bytes, BYTES_MAX);
    return 'go on';
  }

  /** The same acknowledgment again. `retransmit` when it is the third: a segment is lost. */
  duplicated(
    acked: StreamPosition,
    sentTo: StreamPosition,
    inFlightBytes: number,
  ): 'retransmit' | 'go on' {
    if (this.#recoverTo !== null) {
      // One more segment has left the wire.
      this.#bytes = Math.min(this.#bytes + this.#segmentBytes, BYTES_MAX);
      return 'go on';
    }
    if (acked < this.#deafTo) return 'go on';
    this.#duplicates += 1;
    if (this.#duplicates < DUPLICATES_OF_LOSS) return 'go on';
    this.#halveThreshold(inFlightBytes);
    this.#recoverTo = sentTo;
    this.#deafTo = sentTo;
    this.#bytes = this.#thresholdBytes + DUPLICATES_OF_LOSS * this.#segmentBytes;
    return 'retransmit';
  }

  /** Nothing came back in time. */
  timedOut(sentTo: StreamPosition, inFlightBytes: number): void {
    this.#halveThreshold(inFlightBytes);
    this.#bytes = this.#segmentBytes;
    this.#startOver(sentTo);
  }

  /** What was on its way is lost, but not for lack of room: the guest is elsewhere. */
  moved(sentTo: StreamPosition): void {
    // Not all at once, though: the new host's queues are empty, and short.
    this.#bytes = initialWindow(this.#segmentBytes);
    this.#startOver(sentTo);
  }

  #startOver(sentTo: StreamPosition): void {
    this.#duplicates = 0;
    this.#recoverTo = null;
    this.#deafTo = sentTo;
  }

  #halveThreshold(inFlightBytes: number): void {
    this.#thresholdBytes = Math.max(inFlightBytes / 2, 2 * this.#segmentBytes);
  }
}

const DUPLICATES_OF_LOSS = 3;
// Wider than any send buffer: more would only be a larger number.
const BYTES_MAX = 4 * 1024 * 1024;

function initialWindow(segmentBytes: number): number {
  return Math.min(10 * segmentBytes, Math.max(2 * segmentBytes, 14_600));
}
