import type { SectorStore } from '../host/sector-store.js';
import { sectorBytes } from './layer-batch.js';
import type { LayerStack } from './layer-stack.js';
import { readThrough } from './layered-read.js';

/**
 * Copies what the layers hold into the image and takes them away: then the image alone is the disk.
 *
 * ```
 *  number n: folding ──▶ copy, sync ──▶ number n+1: nothing below ──▶ the layers go
 * ```
 * Both numbers are test-and-sets: whoever has begun in between has the layers below him, which hide
 * all that is written here, and calls the image haunted. A haunted image is left as it is, because a
 * writer whose time is over may still be at it; unless somebody knows that it is not.
 *
 * Errors: LayerSupersededError, and those of the host. The layers stay then.
 */
export async function foldIntoImage(
  stack: LayerStack,
  image: SectorStore,
  progress: FoldProgress,
  { nobodyElseWrites = false } = {},
): Promise<'folded' | 'stopped' | 'haunted'> {
  if (stack.image !== 'still' && !nobodyElseWrites) return 'haunted';
  const pieces = piecesOf(stack);
  const totalBytes = pieces.reduce((sum, { sectors }) => sum + sectors * sectorBytes, 0);
  if (totalBytes === 0) return 'folded';
  await stack.roll({ image: 'folding' });
  let doneBytes = 0;
  let goesOn = true;
  const copy = async (): Promise<void> => {
    for (let piece = pieces.shift(); piece && goesOn; piece = pieces.shift()) {
      const [offsetBytes, lengthBytes] = [piece.sector * sectorBytes, piece.sectors * sectorBytes];
      const data = await readThrough(stack.map, image, offsetBytes, lengthBytes);
      await image.write(offsetBytes, data);
      doneBytes += lengthBytes;
      goesOn = progress(doneBytes, totalBytes);
    }
  };
  // Several at a time share their syncs.
  const copies = await Promise.allSettled(Array.from({ length: atOnce }, copy));
  const failed = copies.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
  // Stopped on the way, nothing of ours is under way either: the image is as still as it was.
  const isFolded = doneBytes === totalBytes;
  await stack.roll({ image: 'still', isFolded });
  return isFolded ? 'folded' : 'stopped';
}

/** How far it is; answers whether to go on. */
export type FoldProgress = (doneBytes: number, totalBytes: number) => boolean;

/** Neighbours together, up to a size. */
function piecesOf(stack: LayerStack): { readonly sector: number; readonly sectors: number }[] {
  const pieces: { sector: number; sectors: number }[] = [];
  for (const { sector, sectors } of stack.map.all()) {
    const last = pieces.at(-1);
    const isNext = last?.sector === sector - (last?.sectors ?? 0);
    if (last && isNext && last.sectors + sectors <= pieceSectorsMax) last.sectors += sectors;
    else pieces.push({ sector, sectors });
  }
  return pieces;
}

const atOnce = 8;
const pieceSectorsMax = 4096;
