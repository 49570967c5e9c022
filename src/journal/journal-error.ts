import { FtvmError } from '../errors.js';

/** What the journal holds is damaged where it must not be: a resume from it would lie to the disk. */
export class JournalCorruptError extends FtvmError {
  readonly code = 'FTVM_JOURNAL_CORRUPT';
  readonly remedy =
    "Resume on the other host, if it kept a journal, too; or boot from the VM's disk with --cold, which begins a new journal there.";

  constructor(place: string, what: string, options?: ErrorOptions) {
    super(`The journal in ${place} is damaged: ${what}`, options);
  }
}

/** A whole journal of something else than what would go on from it. */
export class JournalRefusedError extends FtvmError {
  readonly code = 'FTVM_JOURNAL_REFUSED';
  readonly remedy: string;

  constructor(place: string, why: string, remedy: string) {
    super(`Cannot resume from the journal in ${place}: ${why}`);
    this.remedy = remedy;
  }
}
