import type { SimProcess } from './sim-process.js';

export const sectorBytes = 512;

/** A file on the shared disk, as it truly is, and who put each of its sectors there, when. */
export class SimFile {
  readonly name: string;
  byteLength = 0;
  #bytes = new Uint8Array(0);
  readonly #landings: ({ readonly process: SimProcess; readonly atMs: number } | undefined)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  grow(byteLength: number): void {
    if (byteLength <= this.byteLength) return;
    if (byteLength > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(byteLength, 2 * this.#bytes.length));
      bytes.set(this.#bytes.subarray(0, this.byteLength));
      this.#bytes = bytes;
    }
    this.byteLength = byteLength;
  }

  land(process: SimProcess, atMs: number, offsetBytes: number, data: Uint8Array): void {
    this.grow(offsetBytes + data.length);
    this.#bytes.set(data, offsetBytes);
    for (let at = 0; at < data.length; at += sectorBytes) {
      this.#landings[(offsetBytes + at) / sectorBytes] = { process, atMs };
    }
  }

  /** Shorter where the file ends. */
  read(offsetBytes: number, lengthBytes: number): Uint8Array {
    const end = Math.min(this.byteLength, offsetBytes + lengthBytes);
    return this.#bytes.slice(Math.min(offsetBytes, end), end);
  }

  /** Whose last write to that sector it is. */
  landing(sector: number): { readonly process: SimProcess; readonly atMs: number } | undefined {
    return this.#landings[sector];
  }
}
