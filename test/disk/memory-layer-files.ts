import type { LayerFile, LayerFiles } from '../../src/host/layer-files.js';
import type { SectorStore } from '../../src/host/sector-store.js';

/**
 * Layer files of several hosts in memory. A host that is stopped holds what it was about to do, until
 * `resume`; a test decides when.
 */
export class MemoryLayerFiles {
  readonly files = new Map<string, { bytes: Uint8Array }>();
  readonly image: { bytes: Uint8Array };

  constructor(imageBytes: number) {
    this.image = { bytes: new Uint8Array(imageBytes) };
  }

  host(): MemoryHost {
    return new MemoryHost(this);
  }
}

export class MemoryHost {
  readonly #shared: MemoryLayerFiles;
  #held: (() => void)[] | null = null;
  /** Called before each operation; may throw for the disk. */
  before: (operation: string) => void = () => undefined;
  /** What this host has asked for, by name. */
  readonly log: string[] = [];
  readonly files: LayerFiles;
  readonly image: SectorStore;

  constructor(shared: MemoryLayerFiles) {
    this.#shared = shared;
    const { files, image } = shared;
    this.files = {
      names: () => this.#do('names', () => [...files.keys()]),
      create: (name, bytes) =>
        this.#do(`create ${name}`, () => {
          if (files.has(name)) return 'exists';
          files.set(name, { bytes: bytes.slice() });
          return 'created';
        }),
      open: (name) =>
        this.#do(`open ${name}`, () => {
          const file = files.get(name);
          if (!file) throw new Error(`no file ${name}`);
          return this.#open(name, file);
        }),
      remove: (name) => this.#do(`remove ${name}`, () => void files.delete(name)),
    };
    const raw = this.#open('image', image);
    this.image = {
      byteLength: image.bytes.length,
      read: (at, length) => raw.read(at, length),
      write: (at, data) => raw.write(at, data),
      close: () => Promise.resolve(),
    };
  }

  stop(): void {
    this.#held ??= [];
  }
  /** Goes on with what it was about to do, all of it or the first few. */
  resume(count = Number.POSITIVE_INFINITY): void {
    for (const deed of this.#held?.splice(0, count) ?? []) deed();
    if (this.#held?.length === 0) this.#held = null;
  }

  #open(name: string, file: { bytes: Uint8Array }): LayerFile {
    return {
      read: (at, length) => this.#do(`read ${name}`, () => file.bytes.slice(at, at + length)),
      write: (at, data) =>
        this.#do(`write ${name}`, () => {
          const bytes = new Uint8Array(Math.max(file.bytes.length, at + data.length));
          bytes.set(file.bytes);
          bytes.set(data, at);
          file.bytes = bytes;
        }),
      sync: () => this.#do(`sync ${name}`, () => undefined),
      close: () => Promise.resolve(),
    };
  }

  #do<T>(operation: string, deed: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const act = (): void => {
        try {
          this.log.push(operation);
          this.before(operation);
          resolve(deed());
        } catch (error) {
          reject(error as Error);
        }
      };
      if (this.#held) this.#held.push(act);
      else act();
    });
  }

  get shared(): MemoryLayerFiles {
    return this.#shared;
  }
}
