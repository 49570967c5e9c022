import type { LayerFiles } from '../host/layer-files.js';
import type { Generation } from '../units.js';
import type { BatchWrite } from './layer-batch.js';
import type { ExtentMap } from './extent-map.js';
import { Layer } from './layer.js';
import type { LayerChain } from './layer-chain.js';
import { LayerSupersededError } from './layer-error.js';
import {
  encodeLayerHead,
  isLayerName,
  layerName,
  layerNumberOf,
  mergedGenerationOf,
  type ImageState,
  type LayerHead,
} from './layer-head.js';
import { LayerWriter } from './layer-writer.js';

/** Who writes: one replica in the generation in which it went live. */
export interface LayerOwner {
  readonly generation: Generation;
  readonly writer: string;
  /** A number of 32 bits that nobody else draws. */
  readonly nonce: () => number;
}

/** A layer that nobody writes to any more, and how much of it counts. */
export interface StackedLayer {
  readonly layer: Layer;
  readonly bytes: number;
}

/**
 * The layers of a drive in the hands of the live replica: those below are final, the one on top is its
 * own.
 *
 * ```
 *   layer 7  ◀── writes                  a roll: number 8 is created, exclusively, and names what
 *   layer 6  final at 48 MiB             lies below it; a merge of 5 and 6 ends like that, too
 *   layer 5  final at 64 MiB  (of an earlier generation: its writer may be paused, not dead)
 *   image    nobody writes to it
 * ```
 * Errors: LayerSupersededError once a later generation has begun a layer; those of the host. After a
 *         failed `roll` or `append` the top layer is broken: the next write needs a new one.
 */
export class LayerStack {
  readonly map: ExtentMap<Layer>;
  readonly #files: LayerFiles;
  readonly #owner: LayerOwner;
  #number: number;
  #image: ImageState;
  #sealed: StackedLayer[];
  #top: { readonly layer: Layer; readonly writer: LayerWriter; isBroken: boolean };
  #topIsEmpty = true;

  /** Seals what is there and lies down on it. Nothing an earlier writer does is seen from here on. */
  static async begin(files: LayerFiles, owner: LayerOwner, chain: LayerChain): Promise<LayerStack> {
    for (;;) {
      await chain.refresh();
      const { newest } = chain;
      const head = newest?.scan.head;
      if (head && head.generation > owner.generation) {
        throw new LayerSupersededError(owner.generation, head.generation);
      }
      // What was read of it must still be there after a power cut, or it may not be promised.
      await newest?.file.sync();
      const image = head && head.image !== 'still' ? 'haunted' : 'still';
      const number = (head?.number ?? 0) + 1;
      const top = await createLayer(files, {
        number,
        generation: owner.generation,
        writer: owner.writer,
        nonce: owner.nonce(),
        below: chain.sealed,
        image,
      });
      // Its last writer was still at work: look again at what it added.
      if (!top) continue;
      return new LayerStack(files, owner, chain, { number, image, top });
    }
  }

  private constructor(
    files: LayerFiles,
    owner: LayerOwner,
    chain: LayerChain,
    begun: {
      readonly number: number;
      readonly image: ImageState;
      readonly top: { readonly layer: Layer; readonly writer: LayerWriter };
    },
  ) {
    this.#files = files;
    this.#owner = owner;
    this.#number = begun.number;
    this.#image = begun.image;
    this.#top = { ...begun.top, isBroken: false };
    this.map = chain.map;
    // An empty one counts for nothing, and nobody else closes it.
    if (chain.newest && !chain.layers.includes(chain.newest)) void chain.newest.retire();
    this.#sealed = chain.layers.map((layer) => ({ layer, bytes: layer.scan.bytes }));
  }

  get sealed(): readonly StackedLayer[] {
    return this.#sealed;
  }
  get image(): ImageState {
    return this.#image;
  }
  get owner(): LayerOwner {
    return this.#owner;
  }
  get topBytes(): number {
    return this.#top.writer.bytes;
  }
  get isBroken(): boolean {
    return this.#top.isBroken || this.#top.writer.isBroken;
  }

  /** One at a time, and not during a `roll`. */
  async append(writes: readonly BatchWrite[]): Promise<void> {
    const { layer, writer } = this.#top;
    const extents = await writer.append(writes);
    this.#topIsEmpty = false;
    for (const extent of extents) this.map.set({ ...extent, file: layer });
  }

  /** Puts a new layer on top; what is below it becomes what `change` says. */
  async roll(
    change: {
      /** These are now in that one. */
      readonly merged?: { readonly run: readonly Layer[]; readonly into: StackedLayer };
      readonly image?: ImageState;
      /** The image holds all there is. */
      readonly isFolded?: boolean;
    } = {},
  ): Promise<void> {
    const sealed = this.#below(change);
    const image = change.image ?? this.#image;
    this.#top.isBroken = true;
    const top = await this.#createNext({
      generation: this.#owner.generation,
      writer: this.#owner.writer,
      nonce: this.#owner.nonce(),
      below: sealed.map(({ layer, bytes }) => ({ name: layer.name, bytes })),
      image,
    });
    const gone = [...this.#sealed, { layer: this.#top.layer }].filter(
      ({ layer }) => !sealed.some((kept) => kept.layer === layer),
    );
    this.#sealed = sealed;
    this.#image = image;
    this.#top = { ...top, isBroken: false };
    this.#topIsEmpty = true;
    if (change.isFolded) this.map.clear();
    if (change.merged) {
      const run = new Set(change.merged.run);
      const { into } = change.merged;
      for (const extent of into.layer.scan.extents) {
        this.map.move({ ...extent, file: into.layer }, (layer) => run.has(layer));
      }
    }
    for (const { layer } of gone) await this.#drop(layer);
  }

  /**
   * Removes files that nobody can need: of numbers before our first and merges of earlier generations
   * that we do not lie on. A later generation lies on what we lie on, or on us.
   */
  async tidy(): Promise<void> {
    const [first, kept] = [this.#number, new Set(this.#sealed.map(({ layer }) => layer.name))];
    const { generation } = this.#owner;
    for (const name of await this.#files.names()) {
      if (kept.has(name) || !isLayerName(name)) continue;
      if (layerNumberOf(name) < first && mergedGenerationOf(name) < generation) {
        await this.#files.remove(name);
      }
    }
  }

  async close(): Promise<void> {
    await this.#top.layer.retire();
    for (const { layer } of this.#sealed) await layer.retire();
  }

  #below({ merged, isFolded }: Parameters<LayerStack['roll']>[0] & object): StackedLayer[] {
    if (isFolded) return [];
    const { layer, writer } = this.#top;
    const top = this.#topIsEmpty ? [] : [{ layer, bytes: writer.bytes }];
    const all = [...this.#sealed, ...top];
    if (!merged) return all;
    const at = all.findIndex((each) => each.layer === merged.run[0]);
    return [...all.slice(0, at), merged.into, ...all.slice(at + merged.run.length)];
  }

  async #createNext(head: Omit<LayerHead, 'number'>): ReturnType<typeof createdLayer> {
    for (;;) {
      const number = this.#number + 1;
      const top = await createLayer(this.#files, { ...head, number });
      if (top) {
        this.#number = number;
        return top;
      }
      const names = await this.#files.names();
      const newest = names.reduce((max, name) => Math.max(max, layerNumberOf(name)), 0);
      const other = await Layer.open(this.#files, layerName(newest));
      await other.retire();
      const { generation, writer } = other.scan.head;
      if (writer !== this.#owner.writer || generation !== this.#owner.generation) {
        throw new LayerSupersededError(this.#owner.generation, generation);
      }
      // Ours, from an attempt whose answer was lost. Nothing is in it; the next one says it all again.
      this.#number = newest;
    }
  }

  async #drop(layer: Layer): Promise<void> {
    await layer.retire().catch(() => undefined);
    // What is left over is tidied up by the next who goes live.
    await this.#files.remove(layer.name).catch(() => undefined);
  }
}

/**
 * The test-and-set. Null if somebody has that number, or has had it: a name is free again once its
 * layer has been merged, and then there is a later one, because the newest is never removed.
 */
async function createLayer(
  files: LayerFiles,
  head: LayerHead,
): Promise<Awaited<ReturnType<typeof createdLayer>> | null> {
  const bytes = encodeLayerHead(head);
  const name = layerName(head.number);
  if ((await files.create(name, bytes)) === 'exists') return null;
  const names = await files.names();
  if (names.some((other) => layerNumberOf(other) > head.number)) return null;
  return createdLayer(files, name, head.nonce, bytes.length);
}

export async function createdLayer(
  files: LayerFiles,
  name: string,
  nonce: number,
  headBytes: number,
): Promise<{ readonly layer: Layer; readonly writer: LayerWriter }> {
  const layer = await Layer.open(files, name);
  return { layer, writer: new LayerWriter(layer.file, nonce, headBytes) };
}
