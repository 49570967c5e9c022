import { FtvmError } from '../errors.js';
import { reasonOf } from './errno.js';

/** There is no VM in that directory. */
export class VmMissingError extends FtvmError {
  readonly code = 'FTVM_VM_MISSING';
  readonly remedy = 'Create it with ftvm run --primary, or name the directory of another VM.';

  constructor(dir: string, options?: ErrorOptions) {
    super(`No VM in ${dir}: it has no vm.json`, options);
  }
}

/** VM_DIR names something that is no directory. */
export class VmDirNotDirectoryError extends FtvmError {
  readonly code = 'FTVM_VM_DIR_NOT_DIRECTORY';
  readonly remedy = 'Name a directory, or a place where one can be made.';

  constructor(dir: string, options?: ErrorOptions) {
    super(`Cannot use ${dir} as a VM directory: a file stands there or on the way to it`, options);
  }
}

/** VM_DIR holds something else, or cannot be put in place. */
export class VmDirOccupiedError extends FtvmError {
  readonly code = 'FTVM_VM_DIR_OCCUPIED';
  readonly remedy = 'Name a directory that does not exist yet, for example one inside this one.';

  constructor(dir: string, why: string, options?: ErrorOptions) {
    super(`Cannot create a VM in ${dir}: ${why}`, options);
  }
}

/** No right to write where the VM should be. */
export class VmDirNotWritableError extends FtvmError {
  readonly code = 'FTVM_VM_DIR_NOT_WRITABLE';
  readonly remedy = 'Give this user the right to write there, or name another directory.';

  constructor(dir: string, options?: ErrorOptions) {
    super(`Cannot create a VM in ${dir}: ${reasonOf(options?.cause)}`, options);
  }
}

/** No room for the VM's files. */
export class VmDirFullError extends FtvmError {
  readonly code = 'FTVM_VM_DIR_FULL';
  readonly remedy = 'Make room on that disk, or name a directory on another one.';

  constructor(dir: string, options?: ErrorOptions) {
    super(`Cannot create a VM in ${dir}: the disk is full`, options);
  }
}

/** vm.json, or what it names, cannot be read. */
export class VmUnreadableError extends FtvmError {
  readonly code = 'FTVM_VM_UNREADABLE';
  readonly remedy = 'Check that this user may read it and that the shared disk is healthy.';

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot read ${path}: ${reasonOf(options?.cause)}`, options);
  }
}

/** vm.json is not JSON, or breaks off. */
export class VmFileSyntaxError extends FtvmError {
  readonly code = 'FTVM_VM_FILE_SYNTAX';
  readonly remedy = 'Restore the file from a copy; the disk of the VM is not touched.';

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot open the VM: ${path} is no JSON: ${reasonOf(options?.cause)}`, options);
  }
}

/** A field of vm.json is missing or is not what it has to be. */
export class VmFileFieldError extends FtvmError {
  readonly code = 'FTVM_VM_FILE_FIELD';
  readonly remedy = 'Put the field right, or restore the file from a copy.';

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot open the VM: in ${path}, ${reasonOf(options?.cause)}`, options);
  }
}

/** vm.json was written by a later release. */
export class VmFileVersionError extends FtvmError {
  readonly code = 'FTVM_VM_FILE_VERSION';
  readonly remedy = 'Upgrade ftvm on this host.';

  constructor(path: string, ours: number, theirs: number) {
    super(`Cannot open the VM: ${path} has version ${theirs}, this build reads ${ours}`);
  }
}

/** A kernel, initrd or BIOS of the VM is gone. */
export class BootFileMissingError extends FtvmError {
  readonly code = 'FTVM_BOOT_FILE_MISSING';
  readonly remedy = 'Restore the file from a copy, or create the VM anew in another directory.';

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot boot the VM: ${path} is missing`, options);
  }
}

/** A kernel, initrd or BIOS of the VM is another one than at its creation: replicas could differ. */
export class BootFileChangedError extends FtvmError {
  readonly code = 'FTVM_BOOT_FILE_CHANGED';
  readonly remedy = 'Restore the file from a copy, or create the VM anew in another directory.';

  constructor(path: string, expectedSha256: string, foundSha256: string) {
    super(
      `Cannot boot the VM: ${path} has changed since the VM was created ` +
        `(sha256 ${foundSha256}, was ${expectedSha256})`,
    );
  }
}

/** A disk image of the VM is gone. */
export class DriveMissingError extends FtvmError {
  readonly code = 'FTVM_DRIVE_MISSING';
  readonly remedy = 'Put the image back, or check that the disk that holds it is mounted.';

  constructor(drive: string, path: string, options?: ErrorOptions) {
    super(`Cannot open the VM: the image of ${drive}, ${path}, is missing`, options);
  }
}

/** A disk image has another size than at creation: the guest knows it with that size. */
export class DriveSizeError extends FtvmError {
  readonly code = 'FTVM_DRIVE_SIZE';
  readonly remedy: string;

  constructor(drive: string, path: string, expectedBytes: number, foundBytes: number) {
    const change = foundBytes < expectedBytes ? 'shrunk' : 'grown';
    super(
      `Cannot open the VM: the image of ${drive}, ${path}, has ${change} ` +
        `to ${foundBytes} bytes, it had ${expectedBytes}`,
    );
    this.remedy =
      change === 'shrunk'
        ? 'Restore the image from a copy: part of the guest’s disk is gone.'
        : `Give it its size back: truncate -s ${expectedBytes} on the image.`;
  }
}

/** The directory that says who is live is gone; it is never made anew behind anybody's back. */
export class GenerationsMissingError extends FtvmError {
  readonly code = 'FTVM_GENERATIONS_MISSING';
  readonly remedy =
    'Check that the shared disk is mounted; if no replica runs on any host, make the directory.';

  constructor(path: string) {
    super(`Cannot open the VM: ${path} is missing, so nobody can tell who is live`);
  }
}
