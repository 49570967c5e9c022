import type { JournalFile, JournalFiles } from '../../src/host/journal-files.js';

interface Entry {
  bytes: Uint8Array;
  durableBytes: number;
}

/** A directory in memory that knows what a power cut would leave of it. */
export class MemoryFiles implements JournalFiles {
  readonly place = 'memory';
  readonly entries = new Map<string, Entry>();
  /** Set to make the next calls fail. */
  failure: Error | null = null;
  /** Syncs wait while it is set. */
  isStuck = false;
  #waiting: (() => void)[] = [];
  syncs = 0;

  list() {
    return Promise.resolve(
      [...this.entries].map(([name, { bytes }]) => ({ name, bytes: bytes.byteLength })),
    );
  }
  read(name: string, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const { bytes } = this.entry(name);
    return Promise.resolve(bytes.slice(offsetBytes, offsetBytes + lengthBytes));
  }
  create(name: string): Promise<JournalFile> {
    const entry: Entry = { bytes: new Uint8Array(0), durableBytes: 0 };
    this.entries.set(name, entry);
    return Promise.resolve({
      append: (bytes) => {
        if (this.failure) return Promise.reject(this.failure);
        entry.bytes = Buffer.concat([entry.bytes, bytes]);
        return Promise.resolve();
      },
      sync: async () => {
        this.syncs += 1;
        const { byteLength } = entry.bytes;
        if (this.isStuck) await new Promise<void>((resolve) => this.#waiting.push(resolve));
        entry.durableBytes = byteLength;
      },
      close: () => Promise.resolve(),
    });
  }
  truncate(name: string, bytes: number): Promise<void> {
    const entry = this.entry(name);
    entry.bytes = entry.bytes.slice(0, bytes);
    entry.durableBytes = bytes;
    return Promise.resolve();
  }
  remove(name: string): Promise<void> {
    this.entries.delete(name);
    return Promise.resolve();
  }

  unstick(): void {
    this.isStuck = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
  /** What is not durable is gone. */
  cutPower(): void {
    for (const entry of this.entries.values()) {
      entry.bytes = entry.bytes.slice(0, entry.durableBytes);
    }
  }
  entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw new Error(`no file ${name}`);
    return entry;
  }
  names(kind: 'log' | 'snapshot'): string[] {
    return [...this.entries.keys()].filter((name) => name.endsWith(kind)).sort();
  }
  flip(name: string, at: number): void {
    const { bytes } = this.entry(name);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
  }
}
