import type { DiskRead, DiskRequest } from '../guest/disk-request.js';
import type { Epoch } from '../units.js';
import { overlap } from './disk-overlap.js';

/**
 * Keeps a primary from writing where a backup has still to read what was there before, when both
 * read the one disk for themselves.
 *
 * Shape:  a read is in the way from its start until every backup has run the epoch that completes it.
 * Source: FT paper §4.2: "the disk write must be delayed until the backup VM has executed the first
 *         disk read".
 */
export class ReadFence {
  readonly #reads = new Map<number, { readonly read: DiskRead; completedIn: Epoch }>();

  started(read: DiskRead): void {
    this.#reads.set(read.id, { read, completedIn: Number.POSITIVE_INFINITY });
  }
  /** The record of this epoch tells the guest that the read has ended. */
  completed(requestId: number, epoch: Epoch): void {
    const entry = this.#reads.get(requestId);
    if (entry) entry.completedIn = epoch;
  }
  /** Every backup that reads for itself has run this epoch; infinite if there is none. */
  ran(byAll: Epoch): void {
    for (const [id, { completedIn }] of this.#reads) {
      if (completedIn <= byAll) this.#reads.delete(id);
    }
  }

  isInTheWay(request: DiskRequest): boolean {
    if (request.kind === 'diskRead' || this.#reads.size === 0) return false;
    return [...this.#reads.values()].some(({ read }) => overlap(read, request));
  }
}
