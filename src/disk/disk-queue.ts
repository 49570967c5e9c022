import { requestRange, type DiskRequest } from '../guest/disk-request.js';

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
   */
  start({ mayWrite }: { readonly mayWrite: boolean } = { mayWrite: true }): DiskRequest[] {
    const startable: DiskRequest[] = [];
    const earlier: DiskRequest[] = [];
    for (const operation of this.#operations.values()) {
      const { request } = operation;
      if (
        !operation.started &&
        operation.mayLeave &&
        (mayWrite || request.kind === 'diskRead') &&
        !earlier.some((other) => clash(other, request))
      ) {
        operation.started = true;
        this.#startedCount += 1;
        startable.push(request);
      }
      earlier.push(request);
    }
    return startable;
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
  if (a.drive !== b.drive || (a.kind === 'diskRead' && b.kind === 'diskRead')) return false;
  const [x, y] = [requestRange(a), requestRange(b)];
  return x.start < y.end && y.start < x.end;
}
