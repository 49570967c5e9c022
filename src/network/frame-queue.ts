/** Frames that wait for a cable: bounded in frames and bytes, the oldest go first. */
export class FrameQueue {
  readonly #framesMax: number;
  readonly #bytesMax: number;
  #frames: Uint8Array[] = [];
  #bytes = 0;

  constructor({ framesMax, bytesMax }: { framesMax: number; bytesMax: number }) {
    this.#framesMax = framesMax;
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#frames.length;
  }

  /** Returns how many frames had to go. */
  push(frame: Uint8Array): number {
    this.#frames.push(frame);
    this.#bytes += frame.byteLength;
    let dropped = 0;
    while (this.#frames.length > this.#framesMax || this.#bytes > this.#bytesMax) {
      this.#bytes -= this.#frames.shift()?.byteLength ?? 0;
      dropped += 1;
    }
    return dropped;
  }

  takeAll(): Uint8Array[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    return frames;
  }
}
