import type { LayerFile, LayerFiles } from '../host/layer-files.js';
import { sectorBytes } from './layer-batch.js';
import { LayerCorruptError } from './layer-error.js';
import { LayerScan } from './layer-scan.js';

/** A layer file that is open, with what is known of its content. */
export class Layer {
  readonly name: string;
  readonly scan: LayerScan;
  #file: LayerFile;
  #reading = 0;
  #isOver = false;

  static async open(files: LayerFiles, name: string): Promise<Layer> {
    const file = await files.open(name);
    try {
      return new Layer(name, file, await LayerScan.begin(name, file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private constructor(name: string, file: LayerFile, scan: LayerScan) {
    this.name = name;
    this.#file = file;
    this.scan = scan;
  }

  get file(): LayerFile {
    return this.#file;
  }

  /** Shows what another host has added: a file that stays open may show an old length for long (NFS). */
  async reopen(files: LayerFiles): Promise<void> {
    const before = this.#file;
    this.#file = await files.open(this.name);
    this.scan.file = this.#file;
    await before.close();
  }

  async read(fileSector: number, sectors: number): Promise<Uint8Array> {
    this.#reading += 1;
    try {
      const data = await this.#file.read(fileSector * sectorBytes, sectors * sectorBytes);
      if (data.length === sectors * sectorBytes) return data;
      throw new LayerCorruptError(this.name, `it ends before sector ${fileSector + sectors}`);
    } finally {
      this.#reading -= 1;
      if (this.#isOver && this.#reading === 0) await this.#file.close();
    }
  }

  /** Closes the file when those who read from it have done. */
  async retire(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#reading === 0) await this.#file.close();
  }
}
