import { FtvmError } from '../errors.js';

/** The command line asks for something that cannot be. */
export class UsageError extends FtvmError {
  readonly code = 'FTVM_USAGE';
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}
