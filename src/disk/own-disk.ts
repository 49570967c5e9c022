import type { DiskRequest, DiskWrite } from '../guest/disk-request.js';
import type { DiskResult, GuestEvent } from '../guest/guest-event.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch } from '../units.js';
import { DiskQueue } from './disk-queue.js';

/** What a replica that follows does on a disk itself. */
export type OwnDiskUse =
  /** Reads of the disk that it shares with its primary (FT paper §4.2). */
  | 'reads'
  /** All of it, on a disk of its own (§4.1). */
  | 'everything';

/** What a primary takes over from the replica that followed. */
export interface DiskInHand {
  /** Ids of operations that have begun, so that none begins twice. */
  readonly started: readonly number[];
  /** What has ended and the guest does not know. */
  readonly finished: readonly { readonly requestId: number; readonly result: DiskResult }[];
}
export const nothingInHand: DiskInHand = { started: [], finished: [] };

/**
 * The disk of a replica that follows and performs operations itself: what its guest reads need not
 * come with the log. A record that completes such a read waits here until our own read has ended.
 *
 * Shape:  records go in as they arrive and come out in order, complete; operations go in as the guest
 *         issues them again and come out when they may start.
 * Errors: none; an operation that fails here is tried again, because it succeeded at the primary.
 * Source: FT paper §4.1 (non-shared disks), §4.2 (reads by the backup).
 */
export class OwnDisk {
  readonly #use: OwnDiskUse;
  readonly #queue = new DiskQueue();
  readonly #held: LogRecord[] = [];
  /** What our reads found; null while one is under way. */
  readonly #reads = new Map<number, Uint8Array | null>();
  /** What our disk has done and the log has not told of. */
  readonly #done = new Map<number, DiskResult>();
  /** Writes that the log has told of and our disk has not done. */
  readonly #told = new Set<number>();
  /** Requests that our guest has not issued yet, and that need nothing of us. */
  readonly #settled = new Set<number>();
  readonly #local = new Set<number>();
  #failed: DiskRequest[] = [];
  #lastBefore = 0;
  #lastIssued = 0;
  /** Reads up to here may have seen what the disk held before it was the primary's. */
  #lastDoubtful = 0;
  #lastLocalId = 0;

  constructor(use: OwnDiskUse) {
    this.#use = use;
  }

  /** The state we start from was cut after that request: what is before it is none of ours. */
  beginAfter(requestId: number): void {
    this.#lastBefore = requestId;
  }

  /** Records, in order, from the primary. */
  receive(records: readonly LogRecord[]): void {
    for (const record of records) {
      this.#held.push(record);
      for (const event of record.events) this.#completed(event);
    }
  }

  #completed(event: GuestEvent): void {
    if (event.kind !== 'diskCompleted') return;
    const { requestId, result } = event;
    if (result.kind === 'ownRead' || requestId <= this.#lastBefore) return;
    if (result.kind === 'written' && this.#use === 'everything') {
      if (!this.#done.delete(requestId)) this.#told.add(requestId);
      return;
    }
    this.#reads.delete(requestId);
    if (this.#done.delete(requestId)) return;
    const request = this.#queue.at(requestId);
    if (!request) {
      this.#settled.add(requestId);
      return;
    }
    // The shared disk has it, or never will. A read of our own keeps its place until it ends.
    if (request.kind === 'diskWrite') this.#queue.finished(requestId);
  }

  /** Our guest has run an epoch and issued these. */
  issued(outputs: readonly GuestOutput[]): void {
    for (const output of outputs) {
      if (output.kind !== 'diskRead' && output.kind !== 'diskWrite') continue;
      this.#lastIssued = output.id;
      if (this.#settled.delete(output.id)) continue;
      this.#queue.add(output);
      if (output.kind === 'diskRead') this.#reads.set(output.id, null);
      else if (this.#use === 'everything') this.#queue.release(output.id);
    }
  }

  /** Brings bytes onto the disk that no guest wrote here, before whatever is issued next. */
  store(write: Omit<DiskWrite, 'id'>): void {
    this.#lastLocalId -= 1;
    this.#local.add(this.#lastLocalId);
    this.#queue.add({ ...write, id: this.#lastLocalId });
    this.#queue.release(this.#lastLocalId);
  }
  /** Of `store`, not on the disk yet. */
  get storing(): number {
    return this.#local.size;
  }

  /** Our disk is as the primary's from now on: what was read before is not handed over. */
  synced(): void {
    this.#lastDoubtful = this.#lastIssued;
  }

  /** What may start now: to be performed, and answered with `finished`. */
  start(): DiskRequest[] {
    return this.#queue.start({ mayWrite: this.#use === 'everything' });
  }

  finished(requestId: number, result: DiskResult): void {
    const request = this.#queue.at(requestId);
    if (!request) return;
    if (result.kind === 'failed') {
      this.#failed.push(request);
      return;
    }
    this.#queue.finished(requestId);
    if (this.#local.delete(requestId) || this.#told.delete(requestId)) return;
    if (result.kind !== 'read') this.#done.set(requestId, result);
    else if (this.#reads.has(requestId)) {
      this.#reads.set(requestId, result.data);
      this.#done.set(requestId, result);
    }
  }

  /** Takes what has failed: to be performed again. */
  retry(): DiskRequest[] {
    return this.#failed.splice(0);
  }

  /** Takes the records that can be replayed, with what our own reads found. */
  replayable(): LogRecord[] {
    const ready: LogRecord[] = [];
    for (let next = this.#held[0]; next; next = this.#held[0]) {
      const complete = this.#complete(next);
      if (!complete) break;
      ready.push(complete);
      this.#held.shift();
    }
    return ready;
  }

  #complete(record: LogRecord): LogRecord | null {
    const own = record.events.filter(isOwnRead);
    if (own.length === 0) return record;
    if (own.some(({ requestId }) => !this.#reads.get(requestId))) return null;
    const events = record.events.map((event): GuestEvent => {
      if (!isOwnRead(event)) return event;
      const { kind, requestId } = event;
      const data = this.#reads.get(requestId)!;
      this.#reads.delete(requestId);
      this.#done.delete(requestId);
      return { kind, requestId, result: { kind: 'read', data } };
    });
    return { ...record, events };
  }

  /**
   * The next record waits for a read that waits for a write, and it is a later record that tells of the
   * end of that.
   */
  get awaitsRecords(): boolean {
    if (this.#use === 'everything') return false;
    const started = this.#queue.started();
    return (this.#held[0]?.events ?? [])
      .filter(isOwnRead)
      .some(({ requestId }) => this.#queue.has(requestId) && !started.includes(requestId));
  }

  /** The next record completes a read that our guest, which has run so far, would have issued by now. */
  unissued(ran: Epoch): number | null {
    const [next] = this.#held;
    if (!next || ran < next.epoch - 1) return null;
    return (
      next.events.filter(isOwnRead).find((e) => !this.#reads.has(e.requestId))?.requestId ?? null
    );
  }

  /** No record waits for a read. */
  get isDrained(): boolean {
    return this.#held.length === 0;
  }

  /** Our disk has everything that the guest was told is on it. */
  get isCurrent(): boolean {
    return this.#use === 'reads' || this.#told.size === 0;
  }

  /** Writes of the guest that our disk has not got. */
  get hasWrites(): boolean {
    return this.#use === 'everything' && this.#queue.writeBytes > 0;
  }

  /** After `isCurrent`: what the guest was not told of, it will be told of by the primary we become. */
  handOver(): DiskInHand {
    const hasFailed = (id: number): boolean => this.#failed.some((each) => each.id === id);
    const finished = [...this.#done].map(([requestId, result]) => ({ requestId, result }));
    return {
      started: this.#queue.started().filter((id) => !hasFailed(id)),
      finished: finished.filter(
        ({ requestId, result }) => result.kind !== 'read' || requestId > this.#lastDoubtful,
      ),
    };
  }
}

function isOwnRead(event: GuestEvent): event is Extract<GuestEvent, { kind: 'diskCompleted' }> {
  return event.kind === 'diskCompleted' && event.result.kind === 'ownRead';
}
