import { FtvmError } from '../errors.js';
import { errnoOf, reasonOf } from './errno.js';

/** What the host was doing with an image. */
export type DiskOperation = 'open' | 'read' | 'write' | 'sync';

interface DiskPlace {
  readonly operation: DiskOperation;
  readonly path: string;
  /** Null when the operation is about the whole image. */
  readonly offsetBytes: number | null;
}

/** The host could not do something with a disk image. */
export class DiskError extends FtvmError {
  readonly code: `FTVM_${string}` = 'FTVM_DISK_IO';
  readonly remedy: string = 'Check the disk that holds the image, and that the file may be used.';
  readonly operation: DiskOperation;
  readonly path: string;
  readonly offsetBytes: number | null;
  /** The operating system's own word for it, `EIO`; '' when the error is not its. */
  readonly errno: string;

  constructor(place: DiskPlace, why: string, options?: ErrorOptions) {
    const at = place.offsetBytes === null ? '' : ` at byte ${place.offsetBytes}`;
    super(`Cannot ${place.operation} ${place.path}${at}: ${why}`, options);
    this.operation = place.operation;
    this.path = place.path;
    this.offsetBytes = place.offsetBytes;
    this.errno = errnoOf(options?.cause);
  }
}

/** No room for a write; the guest sees a failing disk until there is some. */
export class DiskFullError extends DiskError {
  override readonly code = 'FTVM_DISK_FULL';
  override readonly remedy = 'Make room on the disk that holds the image.';

  constructor(place: DiskPlace, options?: ErrorOptions) {
    super(place, 'the disk is full', options);
  }
}

/** The failure of a disk operation, from whatever the operating system threw. */
export function diskError(place: DiskPlace, cause: unknown): DiskError {
  const isFull = errnoOf(cause) === 'ENOSPC' || errnoOf(cause) === 'EDQUOT';
  return isFull
    ? new DiskFullError(place, { cause })
    : new DiskError(place, reasonOf(cause), { cause });
}
