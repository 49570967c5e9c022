import type { StreamPosition } from './tcp-sequence.js';

/**
 * Data from the host that the guest has not acknowledged: kept as it came, so that it is copied
 * once, into the frame.
 *
 * Shape:  consecutive pieces of the stream; the first byte ever is at position 1 (0 is the SYN).
 * Errors: none; the owner bounds it by asking the host to pause.
 */
export class SendBuffer {
  #pieces: Uint8Array[] = [];
  /** Index of the first piece still needed; those before it are dropped now and then. */
  #first = 0;
  /** Where the first needed piece starts. */
  #firstAt: StreamPosition = 1;
  #from: StreamPosition = 1;
  #end: StreamPosition = 1;
  /** Where the last copy stopped: the next one usually goes on there. */
  #cursorPiece = 0;
  #cursorAt: StreamPosition = 1;

  /** One past the last byte written. */
  get end(): StreamPosition {
    return this.#end;
  }

  get byteLength(): number {
    return this.#end - this.#from;
  }

  append(piece: Uint8Array): void {
    if (piece.byteLength === 0) return;
    this.#pieces.push(piece);
    this.#end += piece.byteLength;
  }

  /** Forgets what lies before `position`. */
  acknowledged(position: StreamPosition): void {
    const to = Math.min(position, this.#end);
    if (to <= this.#from) return;
    this.#from = to;
    for (;;) {
      const piece = this.#pieces[this.#first];
      if (piece === undefined || this.#firstAt + piece.byteLength > to) break;
      this.#pieces[this.#first] = nothing;
      this.#firstAt += piece.byteLength;
      this.#first += 1;
    }
    if (this.#first > 64 && this.#first * 2 > this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#first);
      this.#cursorPiece -= this.#first;
      this.#first = 0;
    }
    if (this.#cursorAt < this.#firstAt || this.#cursorPiece < this.#first) this.#rewind();
  }

  /** Copies `bytes` of the stream from `position` into `target`; all of them must be here. */
  copy(position: StreamPosition, bytes: number, target: Uint8Array, at: number): void {
    if (position < this.#cursorAt) this.#rewind();
    let piece = this.#pieces[this.#cursorPiece];
    while (piece !== undefined && this.#cursorAt + piece.byteLength <= position) {
      this.#cursorAt += piece.byteLength;
      this.#cursorPiece += 1;
      piece = this.#pieces[this.#cursorPiece];
    }
    let copied = 0;
    let index = this.#cursorPiece;
    let from = position - this.#cursorAt;
    while (copied < bytes && piece !== undefined) {
      const part = piece.subarray(from, from + bytes - copied);
      target.set(part, at + copied);
      copied += part.byteLength;
      from = 0;
      index += 1;
      piece = this.#pieces[index];
    }
  }

  clear(): void {
    this.#pieces = [];
    this.#from = this.#end;
    this.#first = 0;
    this.#firstAt = this.#end;
    this.#rewind();
  }

  #rewind(): void {
    this.#cursorPiece = this.#first;
    this.#cursorAt = this.#firstAt;
  }
}

const nothing = new Uint8Array(0);
