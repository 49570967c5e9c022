import { expect, it, vi } from 'vitest';
import { LayerSupersededError } from '../../src/disk/layer-error.js';
import { LayerScan } from '../../src/disk/layer-scan.js';
import { OverlayDrive, type OverlaySettings } from '../../src/disk/overlay-drive.js';
import { rejection } from '../node/scratch.js';
import { MemoryLayerFiles, type MemoryHost } from './memory-layer-files.js';

const SECTOR = 512;
const sectors = 40;
const settings: OverlaySettings = {
  layerBytesMax: 4096,
  mergeFrom: 3,
  mergeAtOnceFrom: 5,
  quietMs: 0,
};

let nonces = 0;
function driveOn(host: MemoryHost, writer: string, changes: Partial<OverlaySettings> = {}) {
  const timers: (() => void)[] = [];
  const troubles: string[] = [];
  const drive = new OverlayDrive(
    {
      clock: {
        nowMs: () => 0,
        wallClockMs: () => 0,
        after: (delayMs, callback) => {
          // A test waits for what is due soon.
          if (delayMs > 1000) return () => undefined;
          timers.push(callback);
          return () => timers.splice(timers.indexOf(callback), timers.includes(callback) ? 1 : 0);
        },
      },
      files: host.files,
      image: host.image,
      writer,
      nonce: () => (nonces += 1),
      onTrouble: (what, error) => troubles.push(`${what}: ${String(error)}`),
    },
    { ...settings, ...changes },
  );
  /** Lets background work go on, as far as it can. */
  const quiet = async (): Promise<void> => {
    for (let i = 0; i < 30; i += 1) {
      timers.shift()?.();
      await settled();
    }
  };
  return { drive, quiet, troubles };
}
/** Every promise that can settle has. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const filled = (text: string, count = 1): Uint8Array =>
  new Uint8Array(count * SECTOR).map((_, i) => text.charCodeAt(i % text.length));
const all = (drive: OverlayDrive): Promise<Uint8Array> => drive.read(0, sectors * SECTOR);
const never = { layerBytesMax: 1 << 30, mergeFrom: 1000, mergeAtOnceFrom: 1000 };

/** toEqual would look at each byte by itself. */
function expectSame(found: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(found, expected) !== 0) expect(found).toEqual(expected);
}

/** What a new generation reads of the disk. */
async function seenBy(shared: MemoryLayerFiles, generation: number): Promise<Uint8Array> {
  const { drive } = driveOn(shared.host(), `reader ${generation}`, never);
  await drive.begin(generation);
  return all(drive);
}

/**
 * An old primary writes, rolls and merges, and is stopped at one of its operations; a new one begins,
 * and writes to the same sectors; the old one goes on, at one of the new one's operations.
 */
async function interleaved(stopAt: number, goOnAt: number): Promise<'done' | 'no such place'> {
  const shared = new MemoryLayerFiles(sectors * SECTOR);
  const [oldHost, newHost] = [shared.host(), shared.host()];
  const old = driveOn(oldHost, 'old');
  await old.drive.begin(1);
  for (let i = 0; i < 14; i += 1) await old.drive.write(i * SECTOR, filled(`settled ${i}`));
  let acts = 0;
  oldHost.before = () => {
    acts += 1;
    if (acts === stopAt) oldHost.stop();
  };
  const acknowledged = new Set<number>();
  const ghosts = [0, 1, 2, 3, 4, 5];
  const write = async (i: number): Promise<void> => {
    await old.drive.write(i * SECTOR, filled(`ghost ${i}`));
    acknowledged.add(i);
  };
  const life = (async () => {
    const merging = old.quiet();
    await Promise.all([write(0), write(1), write(2)]);
    for (const i of [3, 4, 5]) await write(i);
    await merging;
  })().catch(() => undefined);
  for (let i = 0; i < 80 && acts < stopAt; i += 1) await settled();
  if (acts < stopAt) return 'no such place';
  const kept = new Set(acknowledged);

  let newActs = 0;
  newHost.before = () => {
    newActs += 1;
    if (newActs === goOnAt) oldHost.resume();
  };
  const fresh = driveOn(newHost, 'new');
  await fresh.drive.begin(2);
  const expected = await all(fresh.drive);
  for (const i of kept) {
    expectSame(expected.subarray(i * SECTOR, (i + 1) * SECTOR), filled(`ghost ${i}`));
  }
  // Everything the old one may still do is pending here, and is issued again.
  for (const i of ghosts.filter((each) => !kept.has(each))) {
    await fresh.drive.write(i * SECTOR, filled(`ghost ${i}`));
    expected.set(filled(`ghost ${i}`), i * SECTOR);
  }
  for (const i of [1, 3, 20]) {
    await fresh.drive.write(i * SECTOR, filled(`new ${i}`));
    expected.set(filled(`new ${i}`), i * SECTOR);
  }
  await fresh.quiet();
  oldHost.resume();
  await life;
  // The old one has found out, or does with the next layer it needs; until then nobody sees it.
  await old.drive.write(5 * SECTOR, filled('late')).catch(() => undefined);
  await old.quiet();
  expectSame(await all(fresh.drive), expected);
  await fresh.drive.write(30 * SECTOR, filled('more'));
  expected.set(filled('more'), 30 * SECTOR);
  await fresh.quiet();
  expectSame(await all(fresh.drive), expected);
  expectSame(await seenBy(shared, 3), expected);
  expect(fresh.troubles).toEqual([]);
  return 'done';
}

it('shows the right disk, byte by byte, wherever the old primary is stopped and goes on', async () => {
  let places = 0;
  for (let stopAt = 1; ; stopAt += 1) {
    let outcome: string = 'done';
    for (let goOnAt = 1; goOnAt <= 40 && outcome === 'done'; goOnAt += 3) {
      outcome = await interleaved(stopAt, goOnAt);
    }
    if (outcome !== 'done') break;
    places += 1;
  }
  // Through the write, its sync, rolls, and a merge with its removals.
  expect(places).toBeGreaterThan(20);
});

it('hides what an old writer adds to its layer after a cold start, from all who come later', async () => {
  const run = async (): Promise<boolean> => {
    const shared = new MemoryLayerFiles(sectors * SECTOR);
    const host = shared.host();
    const old = driveOn(host, 'old', never);
    await old.drive.begin(1);
    await old.drive.write(0, filled('before'));
    host.stop();
    const late = old.drive.write(0, filled('late'));
    await settled();
    // Nobody knows of that write: no log is left.
    const cold = driveOn(shared.host(), 'cold', never);
    await cold.drive.begin(2);
    await cold.drive.write(SECTOR, filled('cold'));
    const expected = await all(cold.drive);
    host.resume();
    await late;
    await old.drive.write(2 * SECTOR, filled('later'));
    expectSame(await all(cold.drive), expected);
    return (await seenBy(shared, 3)).every((byte, i) => byte === expected[i]);
  };
  expect(await run()).toBe(true);
  const { advance } = LayerScan.prototype;
  const spy = vi.spyOn(LayerScan.prototype, 'advanceTo').mockImplementation(advance);
  const withoutSeal = await run();
  spy.mockRestore();
  expect(withoutSeal).toBe(false);
});

it('tells an old writer that its time is over when it needs a new layer', async () => {
  const shared = new MemoryLayerFiles(sectors * SECTOR);
  const old = driveOn(shared.host(), 'old', { layerBytesMax: 1, mergeFrom: 1000 });
  await old.drive.begin(1);
  await old.drive.write(0, filled('x'));
  await seenBy(shared, 2);
  expect(await rejection(old.drive.write(0, filled('y')))).toBeInstanceOf(LayerSupersededError);
  const late = driveOn(shared.host(), 'later still');
  expect(await rejection(late.drive.begin(1))).toBeInstanceOf(LayerSupersededError);
});

it('an old writer that gets the number of a layer that was merged away is told so, too', async () => {
  const shared = new MemoryLayerFiles(sectors * SECTOR);
  const host = shared.host();
  const old = driveOn(host, 'old', { layerBytesMax: 1, mergeFrom: 2 });
  await old.drive.begin(1);
  for (let i = 0; i < 3; i += 1) await old.drive.write(i * SECTOR, filled(`old ${i}`));
  const next = `layer-${shared.files.size + 1}`;
  host.stop();
  const late = rejection(old.drive.write(0, filled('late')));
  await settled();
  const fresh = driveOn(shared.host(), 'new', { layerBytesMax: 1, mergeFrom: 2 });
  await fresh.drive.begin(2);
  expect(shared.files.has(next)).toBe(true);
  for (let i = 0; i < 6; i += 1) await fresh.drive.write(i * SECTOR, filled(`new ${i}`));
  await fresh.quiet();
  expect(shared.files.has(next)).toBe(false);
  const expected = await all(fresh.drive);
  host.resume();
  expect(await late).toBeInstanceOf(LayerSupersededError);
  await old.quiet();
  expectSame(await all(fresh.drive), expected);
  expectSame(await seenBy(shared, 3), expected);
});

it('keeps what it said was written when it dies at any of its operations, merging or folding', async () => {
  let places = 0;
  for (let dieAt = 1; ; dieAt += 1) {
    const shared = new MemoryLayerFiles(sectors * SECTOR);
    const host = shared.host();
    let acts = 0;
    host.before = () => {
      acts += 1;
      if (acts >= dieAt) host.stop();
    };
    const { drive, quiet } = driveOn(host, 'mortal');
    const expected = new Uint8Array(sectors * SECTOR);
    const life = (async () => {
      await drive.begin(1);
      for (let i = 0; i < 40; i += 1) {
        const [at, data] = [(i * 7) % 31, filled(`write ${i}`, 2)];
        await drive.write(at * SECTOR, data);
        expected.set(data, at * SECTOR);
        if (i % 10 === 9) void quiet();
      }
      await quiet();
      await drive.fold(() => true);
    })();
    let isOver = false;
    void life.then(() => (isOver = true));
    for (let i = 0; i < 400 && !isOver && acts < dieAt; i += 1) await settled();
    const soFar = expected.slice();
    const found = await seenBy(shared, 2);
    const wrong = found.findIndex((byte, i) => byte !== soFar[i]);
    // Only the write under way may be there as well.
    if (wrong >= 0) {
      const last = Math.floor(wrong / SECTOR);
      for (const [i, byte] of found.entries()) {
        if (byte !== soFar[i]) expect(Math.floor(i / SECTOR) - last).toBeLessThan(2);
      }
    }
    if (isOver) break;
    places += 1;
  }
  expect(places).toBeGreaterThan(200);
});

it('a power-off in order leaves an image that is the disk, and nothing on it', async () => {
  const shared = new MemoryLayerFiles(sectors * SECTOR);
  const { drive, quiet } = driveOn(shared.host(), 'one');
  await drive.begin(1);
  for (let i = 0; i < 30; i += 1) await drive.write(((i * 5) % 40) * SECTOR, filled(`w${i}`, 3));
  await quiet();
  const expected = await all(drive);
  expect(shared.image.bytes).toEqual(new Uint8Array(sectors * SECTOR));
  await drive.fold(() => true);
  expectSame(shared.image.bytes, expected);
  expect(shared.files.size).toBe(1);
  expect(drive.status()).toEqual({ chainLength: 2, layerBytes: SECTOR });
  expectSame(await seenBy(shared, 2), expected);
});

it('a fold that was stopped half-way is finished the next time; one that died leaves the image alone', async () => {
  const shared = new MemoryLayerFiles(sectors * SECTOR);
  const host = shared.host();
  const { drive } = driveOn(host, 'one', never);
  await drive.begin(1);
  for (let i = 0; i < 20; i += 2) await drive.write(i * SECTOR, filled(`w${i}`));
  const expected = await all(drive);
  await drive.fold(() => false);
  expectSame(await seenBy(shared, 2), expected);
  const second = driveOn(shared.host(), 'two', never);
  await second.drive.begin(3);
  await second.drive.fold(() => true);
  expectSame(shared.image.bytes, expected);

  const third = driveOn(host, 'three', never);
  await third.drive.begin(4);
  await third.drive.write(0, filled('again'));
  host.before = (operation) => {
    if (operation === 'write image') host.stop();
  };
  const dying = third.drive.fold(() => true);
  dying.catch(() => undefined);
  await settled();
  const fourth = driveOn(shared.host(), 'four', never);
  await fourth.drive.begin(5);
  await fourth.drive.write(0, filled('newer'));
  await fourth.drive.fold(() => true);
  expect(fourth.troubles.join()).toContain('may go on');
  // Whoever was at it goes on now: into the image, where nobody looks for that sector.
  host.resume();
  await settled();
  expected.set(filled('newer'), 0);
  expectSame(await all(fourth.drive), expected);
  expectSame(await seenBy(shared, 6), expected);
});

it('stays short and bounded in length however much is written, and sheds what is hidden', async () => {
  const shared = new MemoryLayerFiles(sectors * SECTOR);
  const { drive, quiet } = driveOn(shared.host(), 'one');
  await drive.begin(1);
  let longest = 0;
  for (let i = 0; i < 600; i += 1) {
    await drive.write((i % 38) * SECTOR, filled(`w${i}`, 2));
    if (i % 5 === 0) await quiet();
    longest = Math.max(longest, drive.status().chainLength);
  }
  await quiet();
  expect(longest).toBeLessThanOrEqual(8);
  expect(drive.status().layerBytes).toBeLessThan(10 * sectors * SECTOR);
  // Nobody merges, and a chain that is long enough grows at its top only.
  const busy = driveOn(shared.host(), 'two');
  await busy.drive.begin(2);
  for (let i = 0; i < 600; i += 1) await busy.drive.write((i % 38) * SECTOR, filled('x', 2));
  expect(busy.drive.status().chainLength).toBeLessThanOrEqual(longest + 8);
});

it('a batch that fails ends its layer, and the next write goes into a new one', async () => {
  const shared = new MemoryLayerFiles(sectors * SECTOR);
  const host = shared.host();
  const { drive } = driveOn(host, 'one', never);
  await drive.begin(1);
  await drive.write(0, filled('good'));
  host.before = (operation) => {
    if (operation.startsWith('sync')) throw new Error('EIO');
  };
  await expect(drive.write(0, filled('lost?'))).rejects.toThrow('EIO');
  host.before = () => undefined;
  await drive.write(SECTOR, filled('next'));
  const read = await all(drive);
  expect(read.subarray(0, SECTOR)).toEqual(filled('good'));
  expect(await seenBy(shared, 2)).toEqual(read);
});

it('a batch that is torn was never acknowledged, and is not seen', async () => {
  const shared = new MemoryLayerFiles(sectors * SECTOR);
  const { drive } = driveOn(shared.host(), 'one', never);
  await drive.begin(1);
  await drive.write(0, filled('whole', 4));
  const wholeBytes = shared.files.get('layer-1')!.bytes.length;
  await drive.write(0, filled('torn', 4));
  const { bytes } = shared.files.get('layer-1')!;
  for (let cut = wholeBytes; cut < bytes.length; cut += 100) {
    const torn = new MemoryLayerFiles(sectors * SECTOR);
    const half = new Uint8Array(bytes.length);
    half.set(bytes.subarray(0, cut));
    torn.files.set('layer-1', { bytes: cut % 200 === 0 ? half : bytes.slice(0, cut) });
    expect((await seenBy(torn, 2)).subarray(0, 4 * SECTOR)).toEqual(filled('whole', 4));
  }
});

it('a backup that has read ahead has little left to read when it begins', async () => {
  const shared = new MemoryLayerFiles(sectors * SECTOR);
  const { drive } = driveOn(shared.host(), 'one', never);
  await drive.begin(1);
  for (let i = 0; i < 200; i += 1) await drive.write((i % 40) * SECTOR, filled(`w${i}`));
  const host = shared.host();
  const backup = driveOn(host, 'two', never);
  await backup.drive.follow();
  await drive.write(0, filled('last'));
  expect((await backup.drive.read(0, SECTOR)).subarray(0, 4)).toEqual(
    filled('last').subarray(0, 4),
  );
  host.log.length = 0;
  await backup.drive.begin(2);
  expect(host.log.length).toBeLessThan(12);
  expect(await all(backup.drive)).toEqual(await all(drive));
});

it('counts what an old primary adds once, though it reads while it begins (seed 8074)', async () => {
  for (let addedAt = 1; addedAt < 20; addedAt += 1) {
    const shared = new MemoryLayerFiles(sectors * SECTOR);
    const old = driveOn(shared.host(), 'old', never);
    await old.drive.begin(1);
    await old.drive.write(0, filled('first'));
    const host = shared.host();
    const { drive } = driveOn(host, 'new', never);
    host.stop();
    let underWay = 3;
    const over = (): void => void (underWay -= 1);
    void drive.follow().then(over);
    await settled();
    // Both have to wait for the look at the layers that is under way.
    void drive.read(0, SECTOR).then(over);
    void drive.begin(2).then(over);
    for (let step = 1; underWay > 0; step += 1) {
      if (step === addedAt) await old.drive.write(SECTOR, filled('added'));
      host.resume(1);
      host.stop();
      await settled();
    }
    host.resume();
    expectSame(await seenBy(shared, 3), await all(drive));
  }
});

it('a merge that finds no room is tried again much later, and nobody minds', async () => {
  const shared = new MemoryLayerFiles(sectors * SECTOR);
  const host = shared.host();
  const { drive, quiet, troubles } = driveOn(host, 'one');
  await drive.begin(1);
  host.before = (operation) => {
    if (operation.startsWith('create merged')) throw new Error('ENOSPC');
  };
  for (let i = 0; i < 60; i += 1) await drive.write((i % 30) * SECTOR, filled(`w${i}`, 2));
  await quiet();
  const expected = await all(drive);
  expect(troubles).toEqual(['merging layers: Error: ENOSPC']);
  expect([...shared.files.keys()].filter((name) => name.startsWith('merged'))).toEqual([]);
  expectSame(await seenBy(shared, 2), expected);
});
