import { batchHeaderBytesMax, decodeBatchHeader } from '../disk/layer-batch.js';
import { decodeLayerHead, headBytesMax, layerName, layerNumberOf } from '../disk/layer-head.js';
import { crc32 } from '../log/crc32.js';
import type { SimDisk } from './sim-disk.js';
import { sectorBytes, type SimFile } from './sim-file.js';

/**
 * What the next one to begin would see of a disk: its image and its layers, read as the format says,
 * without the code that does so for a guest.
 */
export function layeredContent({ image, files }: Pick<SimDisk, 'image' | 'files'>): Uint8Array {
  const content = image.read(0, image.byteLength);
  const number = [...files.keys()].reduce((max, name) => Math.max(max, layerNumberOf(name)), 0);
  if (number === 0) return content;
  const newest = fileOf(files, layerName(number));
  const { head } = decodeLayerHead(newest.name, newest.read(0, headBytesMax));
  for (const { name, bytes } of head.below) addLayer(content, fileOf(files, name), bytes);
  addLayer(content, newest, null);
  return content;
}

function fileOf(files: SimDisk['files'], name: string): SimFile {
  const file = files.get(name);
  if (!file) throw new Error(`a layer is gone that is needed: ${name}`);
  return file;
}

/** `sealedBytes` is null for a layer that may have a torn end. */
function addLayer(content: Uint8Array, file: SimFile, sealedBytes: number | null): void {
  const { head, headBytes } = decodeLayerHead(file.name, file.read(0, headBytesMax));
  let [at, sequence, crcBefore] = [headBytes, 1, 0];
  while (sealedBytes === null || at < sealedBytes) {
    const place = { nonce: head.nonce, sequence, crcBefore };
    const header = decodeBatchHeader(file.read(at, batchHeaderBytesMax), place);
    if (!header) break;
    let dataAt = at + header.headerBytes;
    const data = file.read(dataAt, header.dataBytes);
    if (data.length < header.dataBytes || crc32(data) !== header.dataCrc) break;
    for (const { sector, sectors } of header.entries) {
      content.set(file.read(dataAt, sectors * sectorBytes), sector * sectorBytes);
      dataAt += sectors * sectorBytes;
    }
    at = dataAt;
    sequence += 1;
    crcBefore = header.crc;
  }
  if (sealedBytes !== null && at !== sealedBytes) {
    throw new Error(`layer ${file.name} is whole to ${at}, and not to ${sealedBytes}`);
  }
}
