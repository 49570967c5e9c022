import type { DiskRequest } from '../guest/disk-request.js';
import { overlap } from './disk-overlap.js';

/**
 * One order for disk operations that overlap (FT paper §3.4): the later one waits for the earlier.
 *
 * Shape:  operations in the order the guest issued them; the same order on every replica, because
 *         request ids are. A write also waits until it may leave (Output Rule); a read need not.
 */
export class DiskQueue {
  /** In issue order, because a Map keeps insertion order. */
  readonly #operations = new Map<number, Operation>();
  #startedCount = 0;
  #writeBytes = 0;

  add(request: DiskRequest): void {
    this.#operations.set(request.id, {
      request,
      mayLeave: request.kind === 'diskRead',
      started: false,
    });
    this.#writeBytes += writeBytesOf(request);
  }

  /** The write's records are acknowledged: it may change the disk. */
  release(requestId: number): void {
    const operation = this.#operations.get(requestId);
    if (operation) operation.mayLeave = true;
  }

  /** It was begun before it came here. */
  begun(requestId: number): void {
    const operation = this.#operations.get(requestId);
    if (!operation || operation.started) return;
    operation.started = true;
    this.#startedCount += 1;
  }

  finished(requestId: number): void {
    const operation = this.#operations.get(requestId);
    if (!operation) return;
    this.#operations.delete(requestId);
    this.#writeBytes -= writeBytesOf(operation.request);
    if (operation.started) this.#startedCount -= 1;
  }

  /**
   * Takes what may start now: allowed to leave, and no earlier operation on the same bytes is
   * unfinished. Without `mayWrite` only reads start: whoever is not sure to be live changes nothing.
   * What a backup has still to read (`isFenced`) is not overwritten.
   */
  start({
    mayWrite = true,
    isFenced = () => false,
  }: {
    readonly mayWrite?: boolean;
    readonly isFenced?: (request: DiskRequest) => boolean;
  } = {}): DiskRequest[] {
    const startable: DiskRequest[] = [];
    const earlier: DiskRequest[] = [];
    for (const operation of this.#operations.values()) {
      const { request } = operation;
      if (
        !operation.started &&
        operation.mayLeave &&
        (mayWrite || request.kind === 'diskRead') &&
        !earlier.some((other) => clash(other, request)) &&
        !isFenced(request)
      ) {
        operation.started = true;
        this.#startedCount += 1;
        startable.push(request);
      }
      earlier.push(request);
    }
    return startable;
  }

  /** The operation of that id, unless it has finished. */
  at(requestId: number): DiskRequest | undefined {
    return this.#operations.get(requestId)?.request;
  }
  has(requestId: number): boolean {
    return this.#operations.has(requestId);
  }
  /** The ids of the operations the disk is working on. */
  started(): number[] {
    return [...this.#operations.values()]
      .filter(({ started }) => started)
      .map(({ request }) => request.id);
  }

  /** Operations not finished, in issue order. */
  unfinished(): DiskRequest[] {
    return [...this.#operations.values()].map(({ request }) => request);
  }

  get size(): number {
    return this.#operations.size;
  }
  /** Operations the disk is working on. */
  get startedCount(): number {
    return this.#startedCount;
  }
  /** Data of writes not finished: a guest that does not wait for its disk could fill our memory. */
  get writeBytes(): number {
    return this.#writeBytes;
  }
}

interface Operation {
  readonly request: DiskRequest;
  mayLeave: boolean;
  started: boolean;
}

function writeBytesOf(request: DiskRequest): number {
  return request.kind === 'diskWrite' ? request.data.byteLength : 0;
}

function clash(a: DiskRequest, b: DiskRequest): boolean {
  return !(a.kind === 'diskRead' && b.kind === 'diskRead') && overlap(a, b);
}
