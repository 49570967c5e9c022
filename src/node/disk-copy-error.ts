import type { GenerationRecord } from '../arbiter/generation-record.js';
import { FtvmError } from '../errors.js';

/** A running replica has this copy of the disks. */
export class DiskCopyInUseError extends FtvmError {
  readonly code = 'FTVM_DISK_COPY_IN_USE';
  readonly remedy = 'Name another directory with --disk-dir: each replica has its own.';

  constructor(dir: string) {
    super(`The disks in ${dir} are in use by another replica`);
  }
}

/** copy.json is damaged, or is of something else. */
export class DiskCopyUnreadableError extends FtvmError {
  readonly code = 'FTVM_DISK_COPY_UNREADABLE';
  readonly remedy =
    'For a backup, remove the directory: it is made again from the primary. A primary needs the copy that was live last.';

  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`Cannot use the copy of the disks ${path}: ${why}`, options);
  }
}

/** Another replica was live last; what its guest wrote to its disk may not be on this one. */
export class DiskNotCurrentError extends FtvmError {
  readonly code = 'FTVM_DISK_NOT_CURRENT';
  readonly remedy: string;

  constructor(dir: string, { generation, holder }: GenerationRecord) {
    super(
      `The disks in ${dir} are not those that were live last: generation ${generation} ran on ${holder.host}`,
    );
    this.remedy =
      `Start the VM on ${holder.host} and run ftvm run --backup here. If that disk is lost for good: ` +
      '--take-disk starts from this one, if it was in sync once, without what was written since.';
  }
}
