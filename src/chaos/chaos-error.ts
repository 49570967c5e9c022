import { FtvmError } from '../errors.js';

/** Something that has to come about in the end did not. */
export class ChaosError extends FtvmError {
  readonly code = 'FTVM_CHAOS';
  readonly remedy = 'The evidence is kept; ftvm doctor tells whether this host is to blame.';
}
