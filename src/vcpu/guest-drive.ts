import { assert } from '../assert.js';
import type { DriveName } from '../guest/disk-request.js';
import { onDriveReset } from './drive-reset.js';
import { onFlushCache } from './flush-cache.js';
import type { DiskRequests } from './disk-requests.js';
import type { V86IdeInterface } from './v86-internals.js';

/**
 * A drive as v86 sees it: an object that answers later.
 *
 * Shape:  the interface v86 asks of a disk, in v86's own spelling. It holds no data: reads and
 *         writes become requests, and their ends come in as events.
 * Units:  bytes.
 * Errors: a failed request becomes an ATA error (ata-error.ts).
 */
export class GuestDrive {
  readonly byteLength: number;
  onload: ((event: object) => void) | undefined;

  readonly #name: DriveName;
  readonly #requests: DiskRequests;
  #ide: V86IdeInterface | null = null;

  constructor(name: DriveName, byteLength: number, requests: DiskRequests) {
    this.#name = name;
    this.byteLength = byteLength;
    this.#requests = requests;
  }

  /** The machine is built, and this is where the drive sits in it. */
  attach(ide: V86IdeInterface): void {
    this.#ide = ide;
    onDriveReset(ide, () => this.#requests.forgetWrites(ide));
    onFlushCache(ide, (drive, then) => this.#requests.whenWritten(drive, then));
  }

  load(): void {
    this.onload?.({});
  }

  get(offsetBytes: number, lengthBytes: number, done: (data: Uint8Array) => void): void {
    this.#requests.read(this.#name, this.#attached(), { offsetBytes, lengthBytes }, done);
  }

  set(offsetBytes: number, data: Uint8Array, done: () => void): void {
    this.#requests.write(this.#name, this.#attached(), offsetBytes, data, done);
  }

  /**
   * v86 asks for sector 0 before the machine starts, to guess the geometry of a disk with a DOS
   * partition table. What the disk holds then depends on when the machine starts, so it sees zeros
   * and takes the geometry from the size; it matters to nobody but a guest that still counts
   * cylinders.
   */
  get_and_cache(_offset: number, lengthBytes: number, done: (data: Uint8Array) => void): void {
    done(new Uint8Array(lengthBytes));
  }

  get_from_cache(_offset: number, lengthBytes: number): Uint8Array {
    return new Uint8Array(lengthBytes);
  }

  /** A snapshot has no disks in it. */
  get_state(): unknown[] {
    return [];
  }

  set_state(): void {
    // Nothing was saved.
  }

  #attached(): V86IdeInterface {
    assert(this.#ide, `${this.#name} was used before its machine was built`);
    return this.#ide;
  }
}
