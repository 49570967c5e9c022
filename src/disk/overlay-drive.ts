import type { Clock } from '../host/clock.js';
import type { LayerFiles } from '../host/layer-files.js';
import type { SectorStore } from '../host/sector-store.js';
import type { Generation } from '../units.js';
import { BackgroundMerge, type MergeSettings } from './background-merge.js';
import type { Drive, DriveStatus } from './drive.js';
import { foldIntoImage, type FoldProgress } from './image-fold.js';
import { batchEntriesMax, entrySectorsMax, sectorBytes, type BatchWrite } from './layer-batch.js';
import { LayerChain } from './layer-chain.js';
import { ImageHauntedError, SectorRangeError } from './layer-error.js';
import { LayerStack, type LayerOwner } from './layer-stack.js';
import { readThrough } from './layered-read.js';

export interface OverlayDriveParts {
  readonly clock: Clock;
  readonly files: LayerFiles;
  /** What lies under all layers. Written to only while the layers are folded into it. */
  readonly image: SectorStore;
  readonly writer: LayerOwner['writer'];
  readonly nonce: LayerOwner['nonce'];
  /** Something in the background failed; it is tried again, and nobody waits for it. */
  readonly onTrouble: (what: string, error: unknown) => void;
}

export interface OverlaySettings extends MergeSettings {
  /** A layer that is as long gets another one on top. */
  readonly layerBytesMax: number;
}

export const defaultOverlaySettings: OverlaySettings = {
  layerBytesMax: 64 * 1024 * 1024,
  mergeFrom: 4,
  mergeAtOnceFrom: 12,
  quietMs: 500,
};

/**
 * An image that several replicas share, fenced by construction: each generation writes to a layer of
 * its own, and sees of earlier ones what they had written when it began.
 *
 * ```
 * follow, follow … ──▶ begin(generation) ──▶ read, write ──▶ fold
 * reads the layers      seals them and        merges them      into the image
 * ahead                 lies on top           when it is quiet
 * ```
 * Shape:  writes that wait together go into one batch, with one sync: a write resolves when it would
 *         survive a power cut, so a guest's FLUSH CACHE has nothing left to do.
 * Errors: as Drive. A write that fails may have happened.
 * Source: goes beyond FT paper §3.4, which leaves late writes to the storage array.
 */
export class OverlayDrive implements Drive {
  readonly byteLength: number;
  readonly #parts: OverlayDriveParts;
  readonly #settings: OverlaySettings;
  readonly #chain: LayerChain;
  #stack: LayerStack | null = null;
  #waiting: Waiting[] = [];
  /** Changes of the stack that wait for the batch under way. */
  #changes: (() => Promise<void>)[] = [];
  #pumping: Promise<void> = Promise.resolve();
  #isPumping = false;
  /**
   * The newest look at the chain; never rejects. One at a time: two would each count what has been added,
   * and the layer on top of it would name more than there is.
   */
  #looking: Promise<void> = Promise.resolve();
  /** Not begun yet: whoever asks now is served by it. */
  #nextRefresh: Promise<void> | null = null;
  readonly #merging: BackgroundMerge;
  #underWay = 0;
  #isClosed = false;

  constructor(parts: OverlayDriveParts, settings = defaultOverlaySettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.byteLength = parts.image.byteLength;
    this.#chain = new LayerChain(parts.files);
    this.#merging = new BackgroundMerge(parts, settings, {
      isBusy: () => this.#underWay > 0,
      change: (change) => this.#change(change),
    });
  }

  follow(): Promise<void> {
    if (this.#stack || this.#isClosed) return Promise.resolve();
    // Whoever begins reads again and says what is wrong.
    return this.#refreshed().catch(() => undefined);
  }

  begin(generation: Generation): Promise<void> {
    return this.#look(() => this.#begin(generation));
  }

  async #begin(generation: Generation): Promise<void> {
    if (this.#stack || this.#isClosed) return;
    const { files, writer, nonce } = this.#parts;
    this.#stack = await LayerStack.begin(files, { generation, writer, nonce }, this.#chain);
    const tidied = this.#stack.tidy();
    void tidied.catch((error: unknown) => this.#parts.onTrouble('removing old layers', error));
    this.#merging.lookAt(this.#stack);
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    this.#checkRange(offsetBytes, lengthBytes);
    this.#underWay += 1;
    try {
      const { image } = this.#parts;
      if (!this.#stack) return await this.#readFollowing(offsetBytes, lengthBytes);
      return await readThrough(this.#stack.map, image, offsetBytes, lengthBytes);
    } finally {
      this.#underWay -= 1;
      this.#merging.lookAt(this.#stack);
    }
  }

  async write(offsetBytes: number, data: Uint8Array): Promise<void> {
    this.#checkRange(offsetBytes, data.length);
    this.#begun();
    this.#underWay += 1;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push({ sector: offsetBytes / sectorBytes, data, resolve, reject });
        this.#pump();
      });
    } finally {
      this.#underWay -= 1;
      this.#merging.lookAt(this.#stack);
    }
  }

  /** Folds everything into the image, so that it alone is the disk. */
  async fold(progress: FoldProgress): Promise<void> {
    const stack = this.#stack;
    if (!stack || this.#isClosed) return;
    await this.#merging.stop();
    const { image, onTrouble } = this.#parts;
    await this.#change(async () => {
      const outcome = await foldIntoImage(stack, image, progress);
      if (outcome === 'haunted') onTrouble('the image', new ImageHauntedError());
    });
  }

  status(): DriveStatus {
    const stack = this.#stack;
    const sealed = stack ? stack.sealed : this.#chain.sealed;
    const topBytes = stack ? stack.topBytes : 0;
    return {
      chainLength: 1 + sealed.length + (stack ? 1 : 0),
      layerBytes: sealed.reduce((sum, { bytes }) => sum + bytes, topBytes),
    };
  }

  /** Ends after the operations under way; the image stays open, it belongs to whoever opened it. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#looking;
    await this.#merging.stop();
    await this.#pumping;
    await (this.#stack ?? this.#chain).close();
  }

  // --- following -----------------------------------------------------------------------------

  /** What was durable when this was called is in the map when it resolves. */
  #refreshed(): Promise<void> {
    this.#nextRefresh ??= this.#look(async () => {
      this.#nextRefresh = null;
      if (!this.#stack) await this.#chain.refresh();
    });
    return this.#nextRefresh;
  }

  #look(look: () => Promise<void>): Promise<void> {
    const result = this.#looking.then(look);
    this.#looking = result.catch(() => undefined);
    return result;
  }

  /** A layer may be merged away between the look at the chain and the read. */
  async #readFollowing(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt += 1) {
      await this.#refreshed();
      try {
        const { map } = this.#stack ?? this.#chain;
        return await readThrough(map, this.#parts.image, offsetBytes, lengthBytes);
      } catch (error) {
        if (attempt === attemptsMax) throw error;
      }
    }
  }

  // --- writing -------------------------------------------------------------------------------

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#pumping = this.#work();
  }

  /** One batch or one change of the stack at a time, until there is nothing to do. */
  async #work(): Promise<void> {
    const stack = this.#begun();
    for (;;) {
      const change = this.#changes.shift();
      if (change) {
        await change();
        continue;
      }
      const batch = this.#nextBatch();
      if (batch.length === 0) break;
      try {
        if (stack.isBroken || this.#isTopFull(stack)) await stack.roll();
        await stack.append(batch.flatMap((write) => [...asEntries(write)]));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        // A follower might take for written what we take for failed, until a new layer says how it is.
        if (stack.isBroken) await stack.roll().catch(() => undefined);
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isPumping = false;
  }

  #nextBatch(): Waiting[] {
    let [entries, bytes, count] = [0, 0, 0];
    for (const { data } of this.#waiting) {
      entries += Math.ceil(data.length / entryBytesMax);
      bytes += data.length;
      if (count > 0 && (entries > batchEntriesMax || bytes > batchBytesMax)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  #isTopFull(stack: LayerStack): boolean {
    const { layerBytesMax, mergeAtOnceFrom } = this.#settings;
    return stack.topBytes >= layerBytesMax && stack.sealed.length <= mergeAtOnceFrom;
  }

  /** Between two batches. */
  #change(change: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#changes.push(() => change().then(resolve, reject));
      this.#pump();
    });
  }

  #begun(): LayerStack {
    if (this.#stack) return this.#stack;
    throw new Error('bug: the drive is used before its generation has begun');
  }

  #checkRange(offsetBytes: number, lengthBytes: number): void {
    const isWhole = offsetBytes % sectorBytes === 0 && lengthBytes % sectorBytes === 0;
    const isInside = offsetBytes >= 0 && offsetBytes + lengthBytes <= this.byteLength;
    if (isWhole && isInside) return;
    throw new SectorRangeError({ offsetBytes, lengthBytes, byteLength: this.byteLength });
  }
}

interface Waiting extends BatchWrite {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const entryBytesMax = entrySectorsMax * sectorBytes;
const batchBytesMax = 4 * 1024 * 1024;
const attemptsMax = 3;

function* asEntries({ sector, data }: BatchWrite): Generator<BatchWrite> {
  for (let at = 0; at < data.length; at += entryBytesMax) {
    yield { sector: sector + at / sectorBytes, data: data.subarray(at, at + entryBytesMax) };
  }
}
