import {
  existsSync,
  openSync,
  closeSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DiskError, DiskFullError } from '../../src/node/disk-error.js';
import { FileSectorStore } from '../../src/node/file-sector-store.js';
import { rejection, scratchDir } from './scratch.js';

const SECTOR = 512;
const GIB = 2 ** 30;

afterEach(() => {
  vi.restoreAllMocks();
});

function imageOf(bytes: number): string {
  const path = join(scratchDir(), 'disk.img');
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
}

async function openStore(path: string, isReadOnly = false): Promise<FileSectorStore> {
  const store = await FileSectorStore.open({ path, isReadOnly });
  onTestFinished(() => store.close());
  return store;
}

/** The class behind every FileHandle, to put faults into its methods. */
async function fileHandleMethods(): Promise<FileHandle> {
  const handle = await open('/dev/null');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

const errno = (code: string): Error => Object.assign(new Error(`${code}: made up`), { code });
const sector = (fill: number): Uint8Array => new Uint8Array(SECTOR).fill(fill);

describe('a large image', () => {
  it('is addressed exactly beyond 2 GiB and 4 GiB, and stays sparse', async () => {
    const path = imageOf(5 * GIB);
    const store = await openStore(path);
    const places = [2 * GIB - SECTOR, 2 * GIB, 4 * GIB - SECTOR, 4 * GIB, 5 * GIB - SECTOR];
    for (const [i, at] of places.entries()) await store.write(at, sector(i + 1));
    for (const [i, at] of places.entries())
      expect(await store.read(at, SECTOR)).toEqual(sector(i + 1));
    // A cut to 32 bits would have landed at the start.
    expect(await store.read(0, SECTOR)).toEqual(sector(0));
    const raw = Buffer.alloc(SECTOR);
    const file = openSync(path, 'r');
    readSync(file, raw, 0, SECTOR, 4 * GIB);
    closeSync(file);
    expect(raw[0]).toBe(4);
    expect(statSync(path).size).toBe(5 * GIB);
    expect(statSync(path).blocks * 512).toBeLessThan(1024 * 1024);
  });
});

describe('an image that is no multiple of a sector', () => {
  it('ends in zeros, and grows to whole sectors only when they are written', async () => {
    const path = imageOf(0);
    writeFileSync(path, Buffer.alloc(700, 0xaa));
    const store = await openStore(path);
    expect(store.byteLength).toBe(1024);
    const last = await store.read(SECTOR, SECTOR);
    expect(last.subarray(0, 188)).toEqual(new Uint8Array(188).fill(0xaa));
    expect(last.subarray(188)).toEqual(new Uint8Array(324));
    expect(statSync(path).size).toBe(700);
    await store.write(SECTOR, sector(0xbb));
    expect(statSync(path).size).toBe(1024);
    expect(store.byteLength).toBe(1024);
  });
});

describe('a read-only image', () => {
  it('is read, and refuses writes without touching the file', async () => {
    const path = imageOf(4 * SECTOR);
    const store = await openStore(path, true);
    expect(await store.read(0, SECTOR)).toEqual(sector(0));
    const error = await rejection(store.write(0, sector(1)));
    expect(error).toBeInstanceOf(DiskError);
    expect(String(error)).toContain('read only');
    expect(readFileSync(path)).toEqual(Buffer.alloc(4 * SECTOR));
  });
});

describe('short counts of the operating system', () => {
  it('are carried on from, for reads and writes', async () => {
    const store = await openStore(imageOf(64 * SECTOR));
    const methods = await fileHandleMethods();
    const [read, write] = [methods.read, methods.write] as unknown as ((
      ...args: unknown[]
    ) => Promise<never>)[];
    const short = (real: typeof read) =>
      function call(this: FileHandle, data: unknown, at: number, bytes: number, place: number) {
        return real?.call(this, data, at, Math.min(bytes, 100), place) as Promise<never>;
      };
    vi.spyOn(methods, 'read').mockImplementation(short(read) as never);
    vi.spyOn(methods, 'write').mockImplementation(short(write) as never);
    const data = Uint8Array.from({ length: 8 * SECTOR }, (_, i) => i % 253);
    await store.write(SECTOR, data);
    expect(await store.read(SECTOR, 8 * SECTOR)).toEqual(data);
  });
});

describe('durability', () => {
  it('shares one sync among the writes that wait for it, and goes on writing meanwhile', async () => {
    const store = await openStore(imageOf(1024 * SECTOR));
    let syncs = 0;
    let finishFirst = (): void => undefined;
    const firstSync = new Promise<void>((resolve) => (finishFirst = resolve));
    vi.spyOn(await fileHandleMethods(), 'datasync').mockImplementation(async () => {
      syncs += 1;
      if (syncs === 1) await firstSync;
    });
    const done: string[] = [];
    const first = store.write(0, sector(1)).then(() => done.push('first'));
    await vi.waitFor(() => expect(syncs).toBe(1));
    // These reach the file while the first sync runs, which therefore does not count for them.
    const later = Array.from({ length: 100 }, (_, i) =>
      store.write((i + 1) * SECTOR, sector(2)).then(() => done.push('later')),
    );
    await vi.waitFor(async () => {
      expect(await store.read(SECTOR, 100 * SECTOR)).toEqual(new Uint8Array(100 * SECTOR).fill(2));
    });
    expect(done).toEqual([]);
    finishFirst();
    await first;
    await Promise.all(later);
    expect(done[0]).toBe('first');
    // One for the first write, and very few for the hundred: not one each.
    expect(syncs).toBeLessThan(20);
  });

  it('rejects every write that a failed sync might have lost, and only those', async () => {
    const path = imageOf(64 * SECTOR);
    const store = await openStore(path);
    const methods = await fileHandleMethods();
    const syncs: { readonly finish: () => void; readonly fail: (error: Error) => void }[] = [];
    vi.spyOn(methods, 'datasync').mockImplementation(
      () => new Promise((resolve, reject) => syncs.push({ finish: resolve, fail: reject })),
    );
    const first = rejection(store.write(0, sector(1)));
    await vi.waitFor(() => expect(syncs).toHaveLength(1));
    const second = rejection(store.write(SECTOR, sector(2)));
    await vi.waitFor(async () => expect(await store.read(SECTOR, SECTOR)).toEqual(sector(2)));
    syncs[0]?.fail(errno('EIO'));
    expect(await first).toMatchObject({ code: 'FTVM_DISK_IO', errno: 'EIO' });
    await vi.waitFor(() => expect(syncs).toHaveLength(2));
    syncs[1]?.finish();
    // Its pages may have been part of the failed writeback, after which Linux calls them clean.
    expect(await second).toMatchObject({ errno: 'EIO' });
    vi.restoreAllMocks();
    await store.write(0, sector(3));
  });
});

describe('errors', () => {
  it('name the file, the offset and the reason', async () => {
    const path = imageOf(64 * SECTOR);
    const store = await openStore(path);
    const methods = await fileHandleMethods();
    vi.spyOn(methods, 'read').mockRejectedValue(errno('EIO'));
    vi.spyOn(methods, 'write').mockRejectedValue(errno('EIO'));
    for (const operation of ['read', 'write'] as const) {
      const attempt =
        operation === 'read' ? store.read(1024, SECTOR) : store.write(1024, sector(1));
      const error = await rejection(attempt);
      expect(error).toBeInstanceOf(DiskError);
      expect(error).toMatchObject({ operation, path, offsetBytes: 1024, errno: 'EIO' });
      expect(String(error)).toContain(`Cannot ${operation} ${path} at byte 1024`);
    }
  });

  it('say when the disk is full', async () => {
    const store = await openStore(imageOf(64 * SECTOR));
    vi.spyOn(await fileHandleMethods(), 'write').mockRejectedValue(errno('ENOSPC'));
    const error = await rejection(store.write(0, sector(1)));
    expect(error).toBeInstanceOf(DiskFullError);
    expect(error).toMatchObject({ code: 'FTVM_DISK_FULL', errno: 'ENOSPC' });
  });

  // Every write to it fails with ENOSPC, on any Linux.
  it.skipIf(!existsSync('/dev/full'))('are the same when the kernel itself says so', async () => {
    const store = await openStore(imageOf(64 * SECTOR));
    const full = await open('/dev/full', 'r+');
    onTestFinished(() => full.close());
    const methods = await fileHandleMethods();
    const write = methods.write as unknown as (...args: unknown[]) => Promise<never>;
    vi.spyOn(methods, 'write').mockImplementation(((...args: unknown[]) =>
      write.apply(full, args)) as never);
    expect(await rejection(store.write(0, sector(1)))).toBeInstanceOf(DiskFullError);
  });

  it('are typed for an image that cannot be opened', async () => {
    const dir = scratchDir();
    for (const path of [join(dir, 'missing.img'), dir]) {
      const error = await rejection(FileSectorStore.open({ path }));
      expect(error).toBeInstanceOf(DiskError);
      expect(String(error)).toContain(`Cannot open ${path}`);
    }
  });

  it('are typed after the close', async () => {
    const store = await FileSectorStore.open({ path: imageOf(64 * SECTOR) });
    await store.close();
    await store.close();
    expect(await rejection(store.read(0, SECTOR))).toBeInstanceOf(DiskError);
    expect(await rejection(store.write(0, sector(1)))).toBeInstanceOf(DiskError);
  });
});
