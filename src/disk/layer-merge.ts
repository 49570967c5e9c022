import type { LayerFiles } from '../host/layer-files.js';
import { batchEntriesMax, sectorBytes, type BatchWrite } from './layer-batch.js';
import type { Extent, ExtentMap } from './extent-map.js';
import type { Layer } from './layer.js';
import { encodeLayerHead, mergedName } from './layer-head.js';
import { createdLayer, type LayerOwner, type StackedLayer } from './layer-stack.js';

const batchBytes = 1024 * 1024;

/**
 * Which layers to merge next: the newest ones, and older ones as long as they are not much larger than
 * what is on top of them. So each byte is copied a few times only, and their number stays below
 * `mergeFrom` plus the logarithm of how much larger the oldest is than the newest.
 *
 * Shape:  `sealed` from oldest to newest; answers a run at its end, at least two layers, or none.
 */
export function layersToMerge(sealed: readonly StackedLayer[], mergeFrom: number): Layer[] {
  if (sealed.length < mergeFrom) return [];
  let from = sealed.length - 1;
  let bytes = sealed[from]?.bytes ?? 0;
  for (; from > 0; from -= 1) {
    const older = sealed[from - 1]?.bytes ?? 0;
    const isTaken = sealed.length - from < 2 || older <= 2 * bytes;
    if (!isTaken) break;
    bytes += older;
  }
  return sealed.slice(from).map(({ layer }) => layer);
}

/**
 * Copies what counts of a run of final layers into one new file. Nothing lies on it until a `roll`
 * says so; a process that dies before leaves a file that nobody needs.
 *
 * Errors: those of the host; the new file is removed then. `pause` is called between batches, and
 *         ends the merge by answering false.
 */
export async function mergeLayers(
  files: LayerFiles,
  owner: LayerOwner,
  map: ExtentMap<Layer>,
  run: readonly Layer[],
  pause: () => Promise<boolean>,
): Promise<StackedLayer | null> {
  const nonce = owner.nonce();
  const name = mergedName(owner.generation, nonce);
  const { generation, writer: writerName } = owner;
  const head = encodeLayerHead({
    number: 0,
    generation,
    writer: writerName,
    nonce,
    below: [],
    image: 'still',
  });
  try {
    await files.create(name, head);
    const { layer, writer } = await createdLayer(files, name, nonce, head.length);
    const extents = [...map.all()].filter(({ file }) => run.includes(file));
    for (const batch of batchesOf(extents)) {
      if (!(await pause())) {
        await layer.retire();
        await files.remove(name);
        return null;
      }
      const writes: BatchWrite[] = [];
      for (const { file, sector, sectors, fileSector } of batch) {
        writes.push({ sector, data: await file.read(fileSector, sectors) });
      }
      await writer.append(writes, { sync: false });
    }
    await layer.file.sync();
    await layer.scan.advanceTo(writer.bytes);
    return { layer, bytes: writer.bytes };
  } catch (error) {
    await files.remove(name).catch(() => undefined);
    throw error;
  }
}

function* batchesOf(extents: readonly Extent<Layer>[]): Generator<Extent<Layer>[]> {
  let batch: Extent<Layer>[] = [];
  let bytes = 0;
  for (const extent of extents) {
    if (batch.length === batchEntriesMax || bytes >= batchBytes) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(extent);
    bytes += extent.sectors * sectorBytes;
  }
  if (batch.length > 0) yield batch;
}
