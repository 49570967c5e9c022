import type { SendBuffer } from './tcp-send-buffer.js';
import type { StreamPosition } from './tcp-sequence.js';

/** A segment to be put in a frame: the connection's addresses are the stack's business. */
export interface OutgoingSegment {
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  readonly maximumSegmentBytes: number | null;
  readonly windowShift: number | null;
  /** Payload: `payloadBytes` of `buffer` from `payloadAt`. */
  readonly buffer: SendBuffer;
  readonly payloadAt: StreamPosition;
  readonly payloadBytes: number;
}

export interface TcpOutlet {
  transmit(segment: OutgoingSegment): void;
  /** Nothing is left of the connection: its ports may be used again. */
  removed(): void;
}
