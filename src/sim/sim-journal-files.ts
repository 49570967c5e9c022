import type { JournalFile, JournalFileInfo, JournalFiles } from '../host/journal-files.js';
import type { Prng } from './prng.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';

interface Entry {
  bytes: Uint8Array;
  durableBytes: number;
}

/**
 * The disk of one host, for its journal: it outlives the host's processes, and forgets at a power loss
 * what was not synced. An append that is under way when its process dies may be on it in part.
 */
export class SimJournalDisk {
  readonly #timeline: Timeline;
  readonly #prng: Prng;
  readonly #entries = new Map<string, Entry>();

  constructor(timeline: Timeline, prng: Prng) {
    this.#timeline = timeline;
    this.#prng = prng;
  }

  /** Of what was not synced some, none or all is left. */
  losePower(): void {
    for (const entry of this.#entries.values()) {
      const left = this.#prng.whole(entry.durableBytes, entry.bytes.byteLength);
      entry.bytes = entry.bytes.slice(0, left);
      entry.durableBytes = left;
    }
  }

  accessOf(process: SimProcess): JournalFiles {
    const entryOf = (name: string): Entry => this.#entries.get(name) ?? emptyEntry();
    return {
      place: `the disk of ${process.host}`,
      list: () =>
        this.#soon(process, (): readonly JournalFileInfo[] =>
          [...this.#entries].map(([name, { bytes }]) => ({ name, bytes: bytes.byteLength })),
        ),
      read: (name, offsetBytes, lengthBytes) =>
        this.#soon(process, () =>
          entryOf(name).bytes.slice(offsetBytes, offsetBytes + lengthBytes),
        ),
      create: (name) =>
        this.#soon(process, () => {
          const entry = emptyEntry();
          this.#entries.set(name, entry);
          return this.#open(process, entry);
        }),
      truncate: (name, bytes) =>
        this.#soon(process, () => {
          const entry = entryOf(name);
          entry.bytes = entry.bytes.slice(0, bytes);
          entry.durableBytes = bytes;
        }),
      remove: (name) => this.#soon(process, () => void this.#entries.delete(name)),
    };
  }

  #open(process: SimProcess, entry: Entry): JournalFile {
    const grow = (bytes: Uint8Array): void => {
      const both = new Uint8Array(entry.bytes.byteLength + bytes.byteLength);
      both.set(entry.bytes);
      both.set(bytes, entry.bytes.byteLength);
      entry.bytes = both;
    };
    let underWay: Uint8Array | null = null;
    process.whenDead(() => {
      if (underWay) grow(underWay.subarray(0, this.#prng.whole(0, underWay.byteLength)));
      underWay = null;
    });
    return {
      append: (bytes) => {
        if (!process.isDead) underWay = bytes;
        return this.#soon(process, () => {
          underWay = null;
          grow(bytes);
        });
      },
      sync: () => this.#soon(process, () => void (entry.durableBytes = entry.bytes.byteLength)),
      close: () => Promise.resolve(),
    };
  }

  /** What a dead process had begun ends nowhere. */
  #soon<Value>(process: SimProcess, what: () => Value): Promise<Value> {
    return process.promise((answer) => {
      this.#timeline.after(this.#prng.between(delayMsMin, delayMsMax), () => {
        if (!process.isDead) process.enter(() => answer(what()));
      });
    });
  }
}

const delayMsMin = 0.05;
const delayMsMax = 3;

function emptyEntry(): Entry {
  return { bytes: new Uint8Array(0), durableBytes: 0 };
}
