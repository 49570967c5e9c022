import type { LayerFile } from '../host/layer-files.js';
import { batchHeaderBytesMax, isBatchAfter, sectorBytes, type BatchPlace } from './layer-batch.js';

/**
 * Whether a later batch of the same file stands anywhere behind `at`, where one of `place` was looked
 * for in vain. Each is begun when the one before is durable: so the one at `at` was there.
 */
export async function hasLaterBatch(
  file: LayerFile,
  at: number,
  place: BatchPlace,
): Promise<boolean> {
  for (let from = at; ; from += stepBytes) {
    // A header that begins in this step may end in the next one.
    const bytes = await file.read(from, stepBytes + batchHeaderBytesMax);
    const end = Math.min(bytes.length, stepBytes);
    for (let here = 0; here < end; here += sectorBytes) {
      if (isBatchAfter(bytes.subarray(here, here + batchHeaderBytesMax), place)) return true;
    }
    if (bytes.length <= stepBytes) return false;
  }
}

const stepBytes = 1024 * 1024;
