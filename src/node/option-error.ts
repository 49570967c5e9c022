import { FtvmError } from '../errors.js';
import { reasonOf } from './errno.js';

/** Options of a new VM that do not go together, or name what does not exist. */
export class VmOptionsError extends FtvmError {
  readonly code = 'FTVM_VM_OPTIONS';
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

/** More or less memory than a machine can have. */
export class MemorySizeError extends FtvmError {
  readonly code = 'FTVM_MEMORY_SIZE';
  readonly remedy: string;

  constructor(why: string, minMiB: number, maxMiB: number) {
    super(`Cannot build the machine: ${why}`);
    this.remedy = `Give --memory a whole number of MiB from ${minMiB} to ${maxMiB}.`;
  }
}

/** A file named by an option cannot be used. */
export class OptionFileError extends FtvmError {
  readonly code = 'FTVM_OPTION_FILE';
  readonly remedy = 'Check the path, and that this user may use the file.';

  constructor(option: string, path: string, options?: ErrorOptions) {
    super(`Cannot use ${option} ${path}: ${reasonOf(options?.cause)}`, options);
  }
}

/** The file of `--kernel` is no kernel we can start. */
export class KernelFormatError extends FtvmError {
  readonly code = 'FTVM_KERNEL_FORMAT';
  readonly remedy =
    'Give an x86 bzImage (as in /boot/vmlinuz) or a multiboot kernel, uncompressed.';

  constructor(path: string) {
    super(`Cannot boot ${path}: it is neither a bzImage nor a multiboot kernel`);
  }
}

/** An option differs from what the VM was created with. */
export class VmOptionDiffersError extends FtvmError {
  readonly code = 'FTVM_VM_OPTION_DIFFERS';
  readonly remedy =
    'These options are stored when a VM is created: leave the option out, use another VM_DIR, ' +
    'or delete this one.';

  constructor(dir: string, option: string, stored: string, given: string) {
    super(`The VM in ${dir} was created with ${option} ${stored}, not ${given}`);
  }
}
