/**
 * Memory for the frames that are made here, cut from larger pieces: the engine keeps account of every
 * buffer, and for a buffer as short as a frame that costs more than to fill it.
 *
 * Shape:  never handed out twice. A frame that is kept keeps its whole piece, so those who keep
 *         frames bound how many.
 */
export class FrameMemory {
  #piece = new Uint8Array(0);
  #used = 0;

  /** Zeros. */
  take(bytes: number): Uint8Array {
    const isFull = this.#used + bytes > this.#piece.byteLength;
    if (isFull) {
      this.#piece = new Uint8Array(Math.max(pieceBytes, bytes));
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += bytes;
    return this.#piece.subarray(from, this.#used);
  }
}

// Some twenty full frames.
const pieceBytes = 32 * 1024;
