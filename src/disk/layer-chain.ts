import type { LayerFiles } from '../host/layer-files.js';
import { ExtentMap } from './extent-map.js';
import { Layer } from './layer.js';
import { layerName, layerNumberOf, type SealedLayer } from './layer-head.js';

/**
 * The layers of a drive as they are on the shared disk, read again and again at little cost: what is
 * known already is kept.
 *
 * Shape:  `sealed` and, above them, the `newest`, which grows while its writer lives. `map` is what a
 *         reader of all of them sees.
 * Errors: those of the host, and LayerCorruptError.
 */
export class LayerChain {
  readonly #files: LayerFiles;
  readonly #layers = new Map<string, Layer>();
  /** What `map` is made of: layers in order, and how many extents of each. */
  #mapped: { readonly layer: Layer; count: number }[] = [];
  #order: Layer[] = [];
  map = new ExtentMap<Layer>();

  constructor(files: LayerFiles) {
    this.#files = files;
  }

  /** Null as long as nobody has written to this drive. */
  get newest(): Layer | null {
    return this.#order.at(-1) ?? null;
  }
  /** What a layer on top of all of this lies on; one that holds nothing is left out. */
  get sealed(): SealedLayer[] {
    return this.layers.map(({ name, scan }) => ({ name, bytes: scan.bytes }));
  }
  get layers(): Layer[] {
    return this.#order.filter(({ scan }) => scan.extents.length > 0);
  }

  async refresh(): Promise<void> {
    for (let before = 0; ;) {
      const number = await this.#newestNumber();
      if (number === 0) return;
      try {
        await this.#read(number);
        return;
      } catch (error) {
        // Layers it names may have been merged into others meanwhile; a later one then says so.
        if (number === before) throw error;
        before = number;
      }
    }
  }

  async close(): Promise<void> {
    const layers = [...this.#layers.values()];
    this.#layers.clear();
    for (const layer of layers) await layer.retire();
  }

  async #newestNumber(): Promise<number> {
    const names = await this.#files.names();
    return names.reduce((max, name) => Math.max(max, layerNumberOf(name)), 0);
  }

  async #read(number: number): Promise<void> {
    const newest = await this.#opened(layerName(number));
    const order: Layer[] = [];
    for (const { name, bytes } of newest.scan.head.below) {
      const known = this.#layers.get(name);
      // Its writer gave up a batch that had reached the file whole.
      if (known && known.scan.bytes > bytes) await this.#forget(known);
      const layer = known?.scan.bytes === bytes ? known : await this.#opened(name);
      await layer.scan.advanceTo(bytes);
      order.push(layer);
    }
    await newest.scan.advance();
    order.push(newest);
    for (const layer of [...this.#layers.values()]) {
      if (!order.includes(layer)) await this.#forget(layer);
    }
    this.#order = order;
    this.#fillMap();
  }

  #fillMap(): void {
    const isLonger = this.#mapped.every(({ layer }, i) => layer === this.#order[i]);
    if (!isLonger) {
      this.map = new ExtentMap();
      this.#mapped = [];
    }
    for (const [i, layer] of this.#order.entries()) {
      const mapped = (this.#mapped[i] ??= { layer, count: 0 });
      const { extents } = layer.scan;
      for (; mapped.count < extents.length; mapped.count += 1) {
        const extent = extents[mapped.count];
        if (extent) this.map.set({ ...extent, file: layer });
      }
    }
  }

  async #opened(name: string): Promise<Layer> {
    const known = this.#layers.get(name);
    if (known) {
      await known.reopen(this.#files);
      return known;
    }
    const layer = await Layer.open(this.#files, name);
    this.#layers.set(name, layer);
    return layer;
  }

  async #forget(layer: Layer): Promise<void> {
    this.#layers.delete(layer.name);
    await layer.retire();
  }
}
