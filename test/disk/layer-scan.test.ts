import { expect, it } from 'vitest';
import { encodeLayerHead } from '../../src/disk/layer-head.js';
import { LayerCorruptError } from '../../src/disk/layer-error.js';
import { LayerScan } from '../../src/disk/layer-scan.js';
import { LayerWriter } from '../../src/disk/layer-writer.js';
import { MemoryLayerFiles, type MemoryHost } from './memory-layer-files.js';

const name = 'layer-1';
const head = {
  number: 1,
  generation: 1,
  writer: 'one',
  nonce: 7,
  below: [],
  image: 'still',
} as const;

/** A layer with that many batches, and where each ends. */
async function layerOf(batches: number): Promise<{ host: MemoryHost; ends: number[] }> {
  const host = new MemoryLayerFiles(0).host();
  const bytes = encodeLayerHead(head);
  await host.files.create(name, bytes);
  const writer = new LayerWriter(await host.files.open(name), head.nonce, bytes.length);
  const ends = [bytes.length];
  for (let i = 0; i < batches; i += 1) {
    // One of them is long, so that its successor is far from where it begins.
    const data = new Uint8Array(i === 1 ? 3 * 2 ** 20 : 1024).fill(i + 1);
    await writer.append([{ sector: i * 8, data }]);
    ends.push(writer.bytes);
  }
  return { host, ends };
}

async function scanned(host: MemoryHost): Promise<LayerScan> {
  const scan = await LayerScan.begin(name, await host.files.open(name));
  await scan.advance();
  return scan;
}

it('a layer that is damaged before its end is not taken for one that ends there', async () => {
  const { host, ends } = await layerOf(4);
  const { bytes } = host.shared.files.get(name)!;
  // The fields of the header, from the magic number to the entry.
  for (const batch of [0, 1, 2]) {
    for (const at of [0, 4, 8, 12, 16, 20, 24, 33, 39]) {
      const broken = bytes.slice();
      broken[ends[batch]! + at]! ^= 1;
      host.shared.files.set(name, { bytes: broken });
      await expect(scanned(host)).rejects.toThrow(LayerCorruptError);
    }
  }
});

it('what its writer adds while it is read is no damage', async () => {
  const { host, ends } = await layerOf(4);
  const { bytes } = host.shared.files.get(name)!;
  for (let addedAt = 1; addedAt < 8; addedAt += 1) {
    // Two batches come at once, and half of the first was there before.
    const before = bytes.slice(0, ends[3]);
    before.fill(0, ends[2]! + 8);
    host.shared.files.set(name, { bytes: before });
    const file = host.shared.files.get(name)!;
    let reads = 0;
    host.before = (operation) => {
      if (!operation.startsWith('read')) return;
      reads += 1;
      if (reads === addedAt) file.bytes = bytes;
    };
    const scan = await scanned(host);
    host.before = () => undefined;
    await scan.advance();
    expect(scan.extents.length).toBe(addedAt <= reads ? 4 : 2);
  }
});
