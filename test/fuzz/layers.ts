import { encodeBatch, type BatchPlace } from '../../src/disk/layer-batch.js';
import { LayerChain } from '../../src/disk/layer-chain.js';
import { encodeLayerHead, type LayerHead } from '../../src/disk/layer-head.js';
import { readThrough } from '../../src/disk/layered-read.js';
import { crc32 } from '../../src/log/crc32.js';
import type { Prng } from '../../src/sim/prng.js';
import { MemoryLayerFiles } from '../disk/memory-layer-files.js';
import { joined, mutateBytes, mutateValue } from './mutator.js';
import { insist, type FuzzTarget } from './target.js';

const diskBytes = 64 * 512;

function headOf(number: number, below: LayerHead['below']): LayerHead {
  return { number, generation: number, writer: 'w', nonce: number, below, image: 'still' };
}

/** Two batches, each naming the one before. */
function batchesOf(nonce: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let place: BatchPlace = { nonce, sequence: 1, crcBefore: 0 };
  for (const sector of [3, 9]) {
    const { bytes, header } = encodeBatch(
      [{ sector, data: new Uint8Array(1024).fill(sector) }],
      place,
    );
    parts.push(bytes);
    place = { nonce, sequence: place.sequence + 1, crcBefore: header.crc };
  }
  return joined(...parts);
}
const lower = joined(encodeLayerHead(headOf(1, [])), batchesOf(1));
const upperHead = headOf(2, [{ name: 'layer-1', bytes: lower.byteLength }]);

/** Makes the sum of every header right that still looks like one. */
function repairBatches(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 512; at + 512 <= bytes.byteLength; at += 512) {
    if (view.getUint32(at) !== 0x464c4231) continue;
    const headerBytes = Math.ceil((32 + view.getUint32(at + 24) * 8) / 512) * 512;
    if (at + headerBytes > bytes.byteLength) return;
    view.setUint32(at + 4, crc32(bytes.subarray(at + 8, at + headerBytes)));
  }
}

function damaged(chance: Prng, file: Uint8Array): Uint8Array {
  const bytes = mutateBytes(chance, [file], { damagesMax: 3, bytesMax: 16_384 });
  if (chance.chance(0.9)) repairBatches(bytes);
  return bytes;
}

export const layersTarget: FuzzTarget = {
  name: 'layers',
  share: 20,
  run: async (chance) => {
    const shared = new MemoryLayerFiles(diskBytes);
    const head = chance.chance(0.5) ? mutateValue(chance, upperHead) : upperHead;
    const upper = joined(encodeLayerHead(head as LayerHead), batchesOf(2));
    const files = { 'layer-1': lower, 'layer-2': upper };
    const victim = chance.pick(['layer-1', 'layer-2', 'none'] as const);
    for (const [name, bytes] of Object.entries(files)) {
      shared.files.set(name, { bytes: name === victim ? damaged(chance, bytes) : bytes });
    }
    const host = shared.host();
    const chain = new LayerChain(host.files);
    try {
      await chain.refresh();
      const data = await readThrough(chain.map, host.image, 0, diskBytes);
      insist(data.byteLength === diskBytes, 'a disk reads as long as it is');
    } catch (error) {
      // What the host says of a layer that is named and not there.
      if (error instanceof Error && error.message.startsWith('no file')) return 'refused';
      throw error;
    }
    return 'taken';
  },
};
