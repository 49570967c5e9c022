import type { Clock } from '../host/clock.js';
import type { LayerFiles } from '../host/layer-files.js';
import { layersToMerge, mergeLayers } from './layer-merge.js';
import type { LayerStack } from './layer-stack.js';

export interface MergeSettings {
  /** So many final layers are worth a merge as soon as the disk is quiet. */
  readonly mergeFrom: number;
  /** So many are merged at once, and no layer is closed for its length while there are more. */
  readonly mergeAtOnceFrom: number;
  /** Without an operation for so long, the disk is quiet. */
  readonly quietMs: number;
}

interface MergeParts {
  readonly clock: Clock;
  readonly files: LayerFiles;
  readonly onTrouble: (what: string, error: unknown) => void;
}

/**
 * Merges the final layers of a stack, one merge at a time, when nobody is in a hurry.
 *
 * Errors: none; a merge that fails is told and tried again later.
 */
export class BackgroundMerge {
  readonly #parts: MergeParts;
  readonly #settings: MergeSettings;
  /** The guest's own operations, and how to change the stack between two of them. */
  readonly #guest: {
    readonly isBusy: () => boolean;
    readonly change: (change: () => Promise<void>) => Promise<void>;
  };
  #running: Promise<void> | null = null;
  #notBeforeMs = 0;
  #cancelWait: () => void = () => undefined;
  #isStopped = false;

  constructor(
    parts: MergeParts,
    settings: MergeSettings,
    guest: {
      readonly isBusy: () => boolean;
      readonly change: (change: () => Promise<void>) => Promise<void>;
    },
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#guest = guest;
  }

  /** To be called after each operation: the disk is not quiet before a while from now. */
  lookAt(stack: LayerStack | null): void {
    this.#cancelWait();
    if (!stack || this.#isStopped || this.#running) return;
    const { mergeFrom, mergeAtOnceFrom, quietMs } = this.#settings;
    if (stack.sealed.length < mergeFrom) return;
    const { clock, onTrouble } = this.#parts;
    const dueMs = stack.sealed.length >= mergeAtOnceFrom ? 0 : quietMs;
    const delayMs = Math.max(dueMs, this.#notBeforeMs - clock.nowMs());
    this.#cancelWait = clock.after(delayMs, () => {
      if (this.#isStopped || this.#running) return;
      this.#running = this.#merge(stack)
        .catch((error: unknown) => {
          this.#notBeforeMs = clock.nowMs() + retryMs;
          onTrouble('merging layers', error);
        })
        .finally(() => {
          this.#running = null;
          this.lookAt(stack);
        });
    });
  }

  /** For good; resolves when the merge under way has ended, which is soon. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelWait();
    await this.#running;
  }

  async #merge(stack: LayerStack): Promise<void> {
    const run = layersToMerge(stack.sealed, this.#settings.mergeFrom);
    if (run.length === 0) return;
    const { files } = this.#parts;
    const into = await mergeLayers(files, stack.owner, stack.map, run, () => this.#giveWay());
    if (into) await this.#guest.change(() => stack.roll({ merged: { run, into } }));
  }

  /** The guest's own operations come first, for a while. False: it is over. */
  async #giveWay(): Promise<boolean> {
    for (
      let waits = 0;
      waits < giveWayMax && this.#guest.isBusy() && !this.#isStopped;
      waits += 1
    ) {
      await new Promise<void>((resolve) => this.#parts.clock.after(giveWayMs, resolve));
    }
    return !this.#isStopped;
  }
}

// What is in the way of a merge, as a full disk, seldom goes away at once.
const retryMs = 10_000;
const giveWayMs = 5;
const giveWayMax = 20;
