import { FtvmError } from '../errors.js';
import type { Epoch } from '../units.js';

/** The journal came to another state than the guest had: it was not this machine, or not this build. */
export class JournalDivergedError extends FtvmError {
  readonly code = 'FTVM_JOURNAL_DIVERGED';
  readonly remedy =
    "Boot from the VM's disk with --cold, which begins a new journal; keep a copy of this one for a report.";

  constructor(epoch: Epoch, difference: string) {
    super(`Cannot resume: the journal's replay went another way at epoch ${epoch}: ${difference}`);
  }
}
