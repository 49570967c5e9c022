import { ReceiveBuffer } from './tcp-receive-buffer.js';
import { fromWire, toWire, type StreamPosition } from './tcp-sequence.js';
import type { TcpSettings } from './tcp-settings.js';
import { ReceiveWindow } from './tcp-window.js';

/** What a segment with data or FIN brought. */
export interface Delivery {
  /** In order now, oldest first. */
  readonly ready: readonly Uint8Array[];
  /** False for repetitions, and for what left or filled a gap. */
  readonly isInOrder: boolean;
}

/**
 * The receiving half of a connection: which segments may be taken, and what is in order.
 *
 * Shape:  positions count from the guest's SYN; its FIN takes one, behind the last byte.
 * Source: RFC 9293 §3.10.7.4, first and seventh check.
 */
export class TcpReceiver {
  readonly #buffer = new ReceiveBuffer();
  readonly #window: ReceiveWindow;
  /** The guest's initial sequence number, once known. */
  #initial: number | null = null;
  #finAt: StreamPosition | null = null;

  constructor(settings: TcpSettings) {
    this.#window = new ReceiveWindow(settings);
  }

  /** The guest's SYN is here: without it there is nothing to acknowledge. */
  get isKnown(): boolean {
    return this.#initial !== null;
  }
  /** Everything up to the guest's FIN has been delivered. */
  get isFinished(): boolean {
    return this.#finAt !== null && this.#buffer.next === this.#finAt;
  }
  /** The next position we expect. */
  get next(): StreamPosition {
    return this.#buffer.next + (this.isFinished ? 1 : 0);
  }
  /** `next` as it goes on the wire. */
  get acknowledgment(): number {
    return toWire(this.next, this.#initial ?? 0);
  }
  get unreadBytes(): number {
    return this.#window.unreadBytes;
  }
  /** The window of a SYN is never scaled. */
  get synWindowField(): number {
    return Math.min(0xffff, this.#window.edge - 1);
  }

  start(initial: number, windowShift: number): void {
    this.#initial = initial;
    this.#window.scaleBy(windowShift);
  }

  windowField(): number {
    return this.#window.field(this.next);
  }

  positionOf(sequence: number): StreamPosition {
    return fromWire(sequence, this.#initial ?? 0, this.next);
  }

  isAcceptable(at: StreamPosition, length: number): boolean {
    const next = this.next;
    const edge = Math.max(this.#window.edge, next);
    // Up to the edge and not only before it: there stand the acknowledgments of a guest that has
    // used its whole window while a segment of it is missing.
    if (length === 0) return at >= next && at <= edge;
    return at < edge && at + length > next;
  }

  isAtClosedWindow(at: StreamPosition): boolean {
    return at === this.next && this.#window.edge <= at;
  }

  /** Takes the data of an acceptable segment, as far as the window goes. */
  take(at: StreamPosition, payload: Uint8Array, isFin: boolean): Delivery {
    const edge = this.#window.edge;
    const end = at + payload.byteLength;
    const hadGap = this.#buffer.isWaiting;
    const isOpen = !this.isFinished;
    // Nothing counts behind a FIN, which itself needs no room.
    if (isFin && end <= edge) this.#finAt ??= end;
    const last = Math.min(edge, this.#finAt ?? edge, end);
    const data = payload.subarray(0, Math.max(0, last - at));
    const ready = isOpen && data.byteLength > 0 ? this.#buffer.receive(at, data) : [];
    for (const piece of ready) this.#window.delivered(piece.byteLength);
    return { ready, isInOrder: !hadGap && !this.#buffer.isWaiting && ready.length > 0 };
  }

  /** The host took `bytes`; true if the guest may be waiting to hear of it. */
  consumed(bytes: number): boolean {
    return this.#window.consumed(bytes, this.next);
  }

  clear(): void {
    this.#buffer.clear();
  }
}
