import type { LayerFile, LayerFiles } from '../host/layer-files.js';
import type { SectorStore } from '../host/sector-store.js';
import type { Prng } from './prng.js';
import { sectorBytes, SimFile } from './sim-file.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';

/** How a host gets at the shared disk; what is not 0 hurts. */
export interface DiskWeather {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  readonly readFailureRate: number;
  readonly writeFailureRate: number;
}

/** What one process has of the disk. */
export interface DiskAccess {
  readonly files: LayerFiles;
  readonly image: SectorStore;
}

/**
 * The disk that all hosts share: an image and layer files, and what may go wrong on the way to them.
 *
 * Shape:  a write goes into its host's cache, and from there to the disk at some time before the end of
 *         the next sync. One that fails, or whose host loses its process first, may have landed whole,
 *         in part (any of its sectors), or not at all; or it lands long after: the ghost of a process
 *         that is gone. A process that was stopped does what it was about to do when it goes on.
 */
export class SimDisk {
  readonly image: SimFile;
  readonly files = new Map<string, SimFile>();
  readonly #timeline: Timeline;
  readonly #prng: Prng;
  readonly #weather: DiskWeather;
  readonly #isLocal: boolean;
  readonly #slowness = new Map<string, number>();
  readonly #failing = new Map<string, number>();
  isCalm = false;
  /** Sectors that landed for a process when the VM had another holder. */
  ghostWrites = 0;
  /** Does this process hold the VM? */
  isHolder: (process: SimProcess) => boolean = () => true;
  /** A file has been created. */
  onCreated: (process: SimProcess, name: string, bytes: Uint8Array) => void = () => undefined;
  /** A process has read from a file. */
  onRead: (process: SimProcess, file: SimFile, offsetBytes: number, lengthBytes: number) => void =
    () => undefined;

  constructor(
    timeline: Timeline,
    prng: Prng,
    options: {
      readonly sectors: number;
      readonly weather: DiskWeather;
      /** It is in the host itself: nothing of a process that is gone is still on its way. */
      readonly isLocal?: boolean;
    },
  ) {
    this.#timeline = timeline;
    this.#prng = prng;
    this.#weather = options.weather;
    this.#isLocal = options.isLocal ?? false;
    this.image = new SimFile('image');
    this.image.grow(options.sectors * sectorBytes);
  }

  get nowMs(): number {
    return this.#timeline.nowMs;
  }

  /** Multiplies delays for a host; 1 is as usual. */
  slow(host: string, factor: number): void {
    this.#slowness.set(host, factor);
  }
  /** Fails that part of a host's operations; 0 is as usual. */
  fail(host: string, rate: number): void {
    this.#failing.set(host, rate);
  }

  accessOf(process: SimProcess): DiskAccess {
    const cache = new Cache(process, {
      land: (write) => this.#land(process, write),
      orphan: (write) => this.#orphan(process, write),
    });
    const openFile = (file: SimFile): LayerFile => this.#open(process, file, cache);
    const image = openFile(this.image);
    let failedSyncs = 0;
    return {
      files: {
        names: () => this.#asked(process, 'read', () => [...this.files.keys()]),
        open: (name) =>
          this.#asked(process, 'read', () => {
            const file = this.files.get(name);
            if (!file) throw new Error(`there is no file ${name}`);
            return openFile(file);
          }),
        create: (name, bytes) =>
          this.#asked(process, 'write', (fails) => {
            // One that fails may have been made all the same.
            const isNotMade = fails && this.#prng.chance(0.5);
            if (isNotMade || this.files.has(name)) return 'exists';
            const file = new SimFile(name);
            file.land(process, this.#timeline.nowMs, 0, bytes);
            this.files.set(name, file);
            this.onCreated(process, name, bytes);
            return 'created';
          }),
        remove: (name) => this.#asked(process, 'write', () => void this.files.delete(name)),
      },
      image: {
        byteLength: this.image.byteLength,
        read: (offsetBytes, lengthBytes) => image.read(offsetBytes, lengthBytes),
        write: async (offsetBytes, data) => {
          // As the real one: a sync that failed meanwhile may have been about these bytes.
          const before = failedSyncs;
          await image.write(offsetBytes, data);
          await image.sync().catch((error: unknown) => {
            failedSyncs += 1;
            throw error;
          });
          if (failedSyncs !== before) throw new Error('a sync has failed meanwhile');
        },
        close: () => Promise.resolve(),
      },
    };
  }

  #open(process: SimProcess, file: SimFile, cache: Cache): LayerFile {
    return {
      read: (offsetBytes, lengthBytes) =>
        this.#asked(process, 'read', () => {
          this.onRead(process, file, offsetBytes, lengthBytes);
          return cache.read(file, offsetBytes, lengthBytes);
        }),
      write: async (offsetBytes, data) => {
        await this.#asked(process, 'write', (fails) => {
          const write = { file, offsetBytes, data };
          if (process.isDead) this.#orphan(process, write);
          else if (fails) this.#landInPart(process, write);
          else if (this.#prng.chance(0.3)) this.#land(process, write);
          else cache.add(write);
        });
      },
      sync: async () => {
        await this.#asked(process, 'write', (fails) => {
          for (const write of cache.take(file)) {
            // Linux reports a failed writeback once, and then takes the pages for clean.
            if (fails) this.#landInPart(process, write);
            else this.#land(process, write);
          }
        });
      },
      close: () => Promise.resolve(),
    };
  }

  /** Done at one instant between the call and the answer, whether its process still lives or not. */
  async #asked<Answer>(
    process: SimProcess,
    direction: 'read' | 'write',
    perform: (fails: boolean) => Answer,
  ): Promise<Answer> {
    const outcome = await process.promise<{ readonly answer?: Answer; readonly error?: Error }>(
      (answer) => {
        process.act(() => {
          this.#timeline.after(this.#delayMs(process), () => {
            const isLost = direction === 'read' || this.#isLocal || this.#prng.chance(0.5);
            if (process.isDead && isLost) return;
            const { readFailureRate, writeFailureRate } = this.#weather;
            const fails = this.#fails(
              process,
              direction === 'read' ? readFailureRate : writeFailureRate,
            );
            try {
              const result = perform(fails);
              answer(fails ? { error: new Error('the disk says it cannot') } : { answer: result });
            } catch (error) {
              answer({ error: error as Error });
            }
          });
        });
      },
    );
    if (outcome.error) throw outcome.error;
    return outcome.answer as Answer;
  }

  /** Its process is dead; what its kernel had of the write may go on. */
  #orphan(process: SimProcess, write: CachedWrite): void {
    const fates = ['whole', 'part', 'never', 'late'] as const;
    switch (this.#prng.pick(this.#isLocal ? fates.slice(0, 3) : fates)) {
      case 'whole':
        this.#land(process, write);
        return;
      case 'part':
        this.#landInPart(process, write);
        return;
      case 'late':
        this.#timeline.after(this.#prng.between(1, 1500), () => this.#land(process, write));
        return;
      case 'never':
        return;
    }
  }

  #landInPart(process: SimProcess, { file, offsetBytes, data }: CachedWrite): void {
    for (let at = 0; at < data.length; at += sectorBytes) {
      if (this.#prng.chance(0.5)) continue;
      const sector = data.subarray(at, at + sectorBytes);
      this.#land(process, { file, offsetBytes: offsetBytes + at, data: sector });
    }
  }

  #land(process: SimProcess, { file, offsetBytes, data }: CachedWrite): void {
    if (!this.isHolder(process)) this.ghostWrites += data.length / sectorBytes;
    file.land(process, this.#timeline.nowMs, offsetBytes, data);
  }

  #delayMs(process: SimProcess): number {
    const { delayMsMin, delayMsMax } = this.#weather;
    const slowness = this.isCalm ? 1 : (this.#slowness.get(process.host) ?? 1);
    return this.#prng.between(delayMsMin, delayMsMax) * slowness;
  }

  #fails(process: SimProcess, rate: number): boolean {
    if (this.isCalm) return false;
    return this.#prng.chance(Math.max(rate, this.#failing.get(process.host) ?? 0));
  }
}

interface CachedWrite {
  readonly file: SimFile;
  readonly offsetBytes: number;
  readonly data: Uint8Array;
}

/** What a process's host has of its writes and the disk has not. */
class Cache {
  #writes: CachedWrite[] = [];

  constructor(
    process: SimProcess,
    fates: {
      readonly land: (write: CachedWrite) => void;
      readonly orphan: (write: CachedWrite) => void;
    },
  ) {
    process.whenDead(() => {
      for (const write of this.#writes.splice(0)) fates.orphan(write);
    });
  }

  add(write: CachedWrite): void {
    this.#writes.push(write);
  }

  take(file: SimFile): CachedWrite[] {
    const taken = this.#writes.filter((write) => write.file === file);
    this.#writes = this.#writes.filter((write) => write.file !== file);
    return taken;
  }

  /** As its own host sees it. */
  read(file: SimFile, offsetBytes: number, lengthBytes: number): Uint8Array {
    const own = this.#writes.filter((write) => write.file === file);
    const end = Math.max(
      file.byteLength,
      ...own.map((write) => write.offsetBytes + write.data.length),
    );
    const data = new Uint8Array(Math.max(0, Math.min(lengthBytes, end - offsetBytes)));
    data.set(file.read(offsetBytes, data.length));
    for (const write of own) {
      for (let i = 0; i < write.data.length; i += 1) {
        const at = write.offsetBytes + i - offsetBytes;
        if (at >= 0 && at < data.length) data[at] = write.data[i] ?? 0;
      }
    }
    return data;
  }
}
