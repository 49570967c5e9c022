import { FtvmError } from '../errors.js';

/** Bytes that are no log record, or no log file, or not whole. */
export class LogCorruptError extends FtvmError {
  readonly code = 'FTVM_LOG_CORRUPT';
  readonly remedy =
    'Name a file that ftvm record wrote; of a damaged one, the whole records in front of the damage replay.';
}
