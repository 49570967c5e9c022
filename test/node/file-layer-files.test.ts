import { closeSync, openSync, readSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { OverlayDrive } from '../../src/disk/overlay-drive.js';
import { DiskError } from '../../src/node/disk-error.js';
import { FileLayerFiles } from '../../src/node/file-layer-files.js';
import { FileSectorStore } from '../../src/node/file-sector-store.js';
import { NodeClock } from '../../src/node/node-clock.js';
import { rejection, scratchDir } from './scratch.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

async function driveOn(dir: string, generation: number): Promise<OverlayDrive> {
  const image = await FileSectorStore.open({ path: join(dir, 'disk.img') });
  const drive = new OverlayDrive({
    clock: new NodeClock(),
    files: new FileLayerFiles(join(dir, 'hda.layers')),
    image,
    writer: `writer ${generation}`,
    nonce: () => generation,
    onTrouble: (what, error) => {
      throw new Error(what, { cause: error });
    },
  });
  onTestFinished(async () => {
    await drive.close();
    await image.close();
  });
  await drive.begin(generation);
  return drive;
}

it('a sparse image of 8 GiB is used where 2 and 4 GiB end, and neither read nor filled', async () => {
  const dir = scratchDir();
  const path = join(dir, 'disk.img');
  writeFileSync(path, '');
  truncateSync(path, 8 * GIB);
  const first = await driveOn(dir, 1);
  const rssBefore = process.memoryUsage().rss;
  // Each across its boundary; the last one ends the disk.
  const places = [2 * GIB, 4 * GIB, 6 * GIB].map((at) => at - MIB / 2).concat(8 * GIB - MIB);
  const data = (i: number): Buffer => Buffer.alloc(MIB, i + 1);
  for (const [i, at] of places.entries()) await first.write(at, data(i));
  const second = await driveOn(dir, 2);
  for (const drive of [first, second]) {
    for (const [i, at] of places.entries()) {
      expect(data(i).equals(await drive.read(at, MIB))).toBe(true);
      expect((await drive.read(at - 512, 512)).every((byte) => byte === 0)).toBe(true);
    }
    expect((await drive.read(0, 512)).every((byte) => byte === 0)).toBe(true);
  }
  expect(statSync(path).blocks).toBe(0);
  await second.fold(() => true);
  const raw = Buffer.alloc(MIB);
  const file = openSync(path, 'r');
  for (const [i, at] of places.entries()) {
    readSync(file, raw, 0, MIB, at);
    expect(raw.equals(data(i))).toBe(true);
  }
  closeSync(file);
  expect(statSync(path).size).toBe(8 * GIB);
  expect(statSync(path).blocks * 512).toBeLessThan(8 * MIB);
  expect(process.memoryUsage().rss - rssBefore).toBeLessThan(200 * MIB);
});

it('layers are made where the disk is, and nowhere else', async () => {
  const dir = scratchDir();
  const away = new FileLayerFiles(join(dir, 'not mounted', 'hda.layers'));
  expect(await rejection(away.names())).toBeInstanceOf(DiskError);
  expect(await rejection(away.create('layer-1', new Uint8Array(1)))).toBeInstanceOf(DiskError);
  const files = new FileLayerFiles(join(dir, 'hda.layers'));
  expect(await files.names()).toEqual([]);
  expect(await files.create('layer-1', new Uint8Array(3))).toBe('created');
  expect(await files.create('layer-1', new Uint8Array(5))).toBe('exists');
  expect(await files.names()).toEqual(['layer-1']);
  await mkdir(join(dir, 'hda.layers', 'layer-2'));
  expect(await rejection(files.open('layer-2'))).toBeInstanceOf(DiskError);
  await files.remove('layer-1');
  await files.remove('layer-1');
  expect(String(await rejection(files.open('layer-1')))).toContain('layer-1');
  await rm(join(dir, 'hda.layers'), { recursive: true });
});

it('reads no more than there is, whatever a damaged length asks for', async () => {
  const files = new FileLayerFiles(`${scratchDir()}/hda.layers`);
  await files.create('layer-1', new Uint8Array(1000).fill(7));
  const file = await files.open('layer-1');
  expect(await file.read(0, 2 ** 40)).toEqual(new Uint8Array(1000).fill(7));
  expect(await file.read(2 ** 30, 2 ** 40)).toHaveLength(0);
  await file.close();
});
