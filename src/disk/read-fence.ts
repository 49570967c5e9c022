import { requestRange, type DiskRead, type DiskRequest } from '../guest/disk-request.js';
import type { Epoch } from '../units.js';
import { overlap } from './disk-overlap.js';

/**
 * Keeps a primary from writing where a backup has still to read what was there before, when both
 * read the one disk for themselves.
 *
 * Shape:  a read is in the way from the record that completes it until every backup has run that epoch.
 *         One that has no such record yet need not be: its data goes with the record (`isCarried`).
 *         Waiting for it could take for ever, because records may wait for the write.
 * Source: FT paper §4.2: "the disk write must be delayed until the backup VM has executed the first
 *         disk read".
 */
export class ReadFence {
  readonly #reads = new Map<number, { readonly read: DiskRead; completedIn: Epoch }>();
  /** Reads whose data the record has, by the epoch that has it. */
  readonly #carried = new Map<number, Epoch>();
  /** Writes that failed: what is there now, two hosts may see differently. */
  readonly #doubtful: DiskRequest[] = [];

  issued(read: DiskRead): void {
    if (this.#doubtful.some((write) => overlap(write, read))) {
      this.#carry(read.id);
      return;
    }
    this.#reads.set(read.id, { read, completedIn: Number.POSITIVE_INFINITY });
  }
  /** The record of this epoch tells the guest that the read has ended. */
  completed(requestId: number, epoch: Epoch): void {
    const entry = this.#reads.get(requestId);
    if (entry) entry.completedIn = epoch;
    if (this.#carried.has(requestId)) this.#carried.set(requestId, epoch);
  }
  failed(write: DiskRequest): void {
    for (const [id, { read }] of this.#reads) {
      if (id > write.id && overlap(read, write)) this.#carry(id);
    }
    // A guest tries again in the same place.
    if (this.#doubtful.every((each) => !isSamePlace(each, write))) this.#doubtful.push(write);
  }

  /** Every backup that reads for itself has run this epoch; infinite if there is none. */
  ran(byAll: Epoch): void {
    for (const [id, { completedIn }] of this.#reads) {
      if (completedIn <= byAll) this.#reads.delete(id);
    }
    for (const [id, epoch] of this.#carried) if (epoch <= byAll) this.#carried.delete(id);
  }

  /** A write is about to begin. */
  isInTheWay(request: DiskRequest): boolean {
    if (request.kind === 'diskRead') return false;
    let isInTheWay = false;
    for (const [id, { read, completedIn }] of this.#reads) {
      // One issued later is to see what is written.
      if (id > request.id || !overlap(read, request)) continue;
      if (completedIn !== Number.POSITIVE_INFINITY) {
        isInTheWay = true;
        continue;
      }
      this.#carry(id);
    }
    return isInTheWay;
  }

  /** Its data goes with the record, which is not made yet. */
  #carry(id: number): void {
    this.#reads.delete(id);
    this.#carried.set(id, Number.POSITIVE_INFINITY);
  }

  isCarried(requestId: number): boolean {
    return this.#carried.has(requestId);
  }
}

function isSamePlace(a: DiskRequest, b: DiskRequest): boolean {
  const [x, y] = [requestRange(a), requestRange(b)];
  return a.drive === b.drive && x.start === y.start && x.end === y.end;
}
