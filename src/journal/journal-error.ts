import type { GenerationRecord } from '../arbiter/generation-record.js';
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

/** The last holder kept a log, and there is none in `place`: a boot from the disk may forget what it has. */
export function emptyBeside(
  place: string,
  { generation, holder }: GenerationRecord,
): JournalRefusedError {
  return new JournalRefusedError(
    place,
    `it is empty, and generation ${generation}, which ran on ${holder.host} (process ${holder.pid}), kept one`,
    `Start it on ${holder.host} with the journal there; or boot from the VM's disk with --cold.`,
  );
}

/** The last holder kept a log, and this start was given none. */
export class JournalNeededError extends FtvmError {
  readonly code = 'FTVM_JOURNAL_NEEDED';
  readonly remedy: string;

  constructor({ generation, holder }: GenerationRecord) {
    super(
      `Generation ${generation}, which ran on ${holder.host} (process ${holder.pid}), kept a journal: a boot from the disk may forget what it has`,
    );
    this.remedy = `Start with the --journal of ${holder.host}; or boot from the VM's disk with --cold.`;
  }
}
