import { FtvmError } from '../errors.js';

/** A generation file is there, so its number is taken, but it does not say who took it. */
export class GenerationFileError extends FtvmError {
  readonly code = 'FTVM_GENERATION_FILE';
  readonly remedy =
    'Stop every replica of this VM, make sure that none runs on any host, then delete that file.';

  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`Cannot tell who is live: ${path} is no generation file: ${why}`, options);
  }
}

/** The directory of the generations cannot be used now; nothing is known about who is live. */
export class StorageUnreachableError extends FtvmError {
  readonly code = 'FTVM_STORAGE_UNREACHABLE';
  readonly remedy = 'Check that the shared disk is mounted on this host and may be written.';

  constructor(why: string, options?: ErrorOptions) {
    super(`Cannot reach the shared disk: ${why}`, options);
  }
}

/** Nobody can say who is live, so nobody goes live. */
export class ArbiterUnreachableError extends FtvmError {
  readonly code = 'FTVM_ARBITER_UNREACHABLE';
  readonly remedy = 'Check that ftvm arbiter runs there, and that this host reaches it.';

  constructor(why: string, options?: ErrorOptions) {
    super(`Cannot ask who is live: ${why}`, options);
  }
}

/** The file server has not answered. */
export class StorageSilentError extends StorageUnreachableError {
  constructor(msMax: number) {
    super(`no answer within ${msMax} ms`);
  }
}
