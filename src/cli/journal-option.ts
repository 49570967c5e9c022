import type { Command } from 'commander';
import type { JournalSettings } from '../role/role-settings.js';
import { defaultSnapshotBytes, defaultSnapshotMs } from '../role/role-settings.js';
import { FtvmError } from '../errors.js';
import { wholeNumber } from './option-parsers.js';

/** What commander parsed of the options of a journal. */
export interface JournalArguments {
  readonly journal?: string;
  readonly journalSync?: true;
  readonly journalSize: number;
  readonly cold?: true;
}

export function addJournalOptions(command: Command): Command {
  return command
    .option('--journal <dir>', 'keep the log here; resume from it when all replicas have died')
    .option('--journal-sync', 'output waits for the journals: nothing acknowledged is ever lost')
    .option(
      '--journal-size <mib>',
      'older snapshots and logs go beyond that',
      wholeNumber(256, 1024 * 1024),
      1024,
    )
    .option('--cold', "boot from the VM's disk, whatever a journal has; this one begins anew");
}

export function journalSettingsOf(parsed: JournalArguments): JournalSettings {
  return {
    sync: parsed.journalSync ?? false,
    // Several snapshots should fit, with their logs.
    snapshotBytes: Math.min(defaultSnapshotBytes, (parsed.journalSize * 2 ** 20) / 4),
    snapshotMs: defaultSnapshotMs,
  };
}

/** Copies change with the replay, before any journal has it: none would fit a memory that is resumed (docs/questions.md, 34). */
export class JournalDisksError extends FtvmError {
  readonly code = 'FTVM_JOURNAL_DISKS';
  readonly remedy = 'Leave --journal out, or create the VM with shared disks.';

  constructor() {
    super('A journal needs disks that the replicas share; this VM has a copy for each');
  }
}
