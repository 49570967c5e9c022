import type { DiskRequest } from '../../src/guest/disk-request.js';
import type { DiskResult } from '../../src/guest/guest-event.js';

/** A disk in memory whose operations end late and out of step, and fail where the test says. */
export class MemoryDisk {
  readonly #bytes: Uint8Array;
  readonly #delayMsMax: number;
  /** Byte ranges that cannot be read or written. */
  badRanges: { start: number; end: number; kinds: readonly DiskRequest['kind'][] }[] = [];
  failures = 0;
  reads = 0;
  writes = 0;

  constructor(image: Uint8Array, delayMsMax = 3) {
    this.#bytes = Uint8Array.from(image);
    this.#delayMsMax = delayMsMax;
  }

  perform(request: DiskRequest, done: (result: DiskResult) => void): void {
    setTimeout(() => done(this.#result(request)), Math.random() * this.#delayMsMax);
  }

  #result(request: DiskRequest): DiskResult {
    const { offsetBytes: start } = request;
    const length = request.kind === 'diskRead' ? request.lengthBytes : request.data.byteLength;
    const isBad = this.badRanges.some(
      (bad) => bad.kinds.includes(request.kind) && start < bad.end && start + length > bad.start,
    );
    if (isBad) {
      this.failures += 1;
      return { kind: 'failed' };
    }
    if (request.kind === 'diskRead') {
      this.reads += 1;
      return { kind: 'read', data: this.#bytes.slice(start, start + length) };
    }
    this.writes += 1;
    this.#bytes.set(request.data, start);
    return { kind: 'written' };
  }
}
