import { FtvmError } from '../errors.js';

/** Bytes that are no log record, or no log file, or not whole. */
export class LogCorruptError extends FtvmError {
  readonly code = 'FTVM_LOG_CORRUPT';
  readonly remedy = 'Replay the whole records in front of the damage, or record the run again.';
}
