import { Option, type Command } from 'commander';
import { FtvmError } from '../errors.js';
import type { Vm } from '../node/vm-directory.js';
import type { CommitRule, Redundancy } from '../role/redundancy.js';
import { defaultSlowBackupRule, type SlowBackupRule } from '../role/slow-backups.js';
import { wholeNumber } from './option-parsers.js';

/** What commander parsed about how many replicas there are to be. */
export interface RedundancyArguments {
  readonly backups?: number;
  readonly commit?: CommitRule;
  readonly slowBackup: number;
}

export function addRedundancyOptions(command: Command): Command {
  return command
    .option(
      '--backups <n>',
      'how many the VM is meant to have (1); status says what is missing',
      wholeNumber(1, 8),
    )
    .addOption(
      new Option('--commit <rule>', 'backups that output waits for (default: all)').choices([
        'all',
        'quorum',
      ]),
    )
    .option(
      '--slow-backup <ms>',
      'drop a backup for which output has waited that long',
      wholeNumber(100, 3_600_000),
      defaultSlowBackupRule.heldMsMax,
    );
}

/** What this operator said; the rest is as the primary says. */
export function redundancyOf({ backups, commit }: RedundancyArguments): Partial<Redundancy> {
  return { ...(backups !== undefined && { backups }), ...(commit && { commit }) };
}

/** Errors: QuorumJournalError. Asked before a VM is made. */
export function checkCommit({
  commit,
  journal,
}: RedundancyArguments & { readonly journal?: string }): void {
  if (commit === 'quorum' && journal !== undefined) throw new QuorumJournalError();
}
/** Errors: QuorumDisksError. */
export function checkCommitOn({ commit }: RedundancyArguments, { disks }: Pick<Vm, 'disks'>): void {
  if (commit === 'quorum' && disks !== 'shared') throw new QuorumDisksError();
}

/** The writes of a guest would wait for reads of the slowest backup, or be on an older copy there. */
class QuorumDisksError extends FtvmError {
  readonly code = 'FTVM_QUORUM_DISKS';
  readonly remedy = 'Leave --commit quorum out, or create the VM with shared disks.';

  constructor() {
    super(
      '--commit quorum needs a disk that the replicas share: that of a backup that lags would be an older one',
    );
  }
}

/** What has left is in most of the journals, and a start goes on from a single one. */
class QuorumJournalError extends FtvmError {
  readonly code = 'FTVM_QUORUM_JOURNAL';
  readonly remedy = 'Leave --journal out, or --commit quorum.';

  constructor() {
    super('--commit quorum and --journal exclude each other: one journal may lack what has left');
  }
}

export function slowBackupRuleOf({ slowBackup }: RedundancyArguments): SlowBackupRule {
  return { ...defaultSlowBackupRule, heldMsMax: slowBackup };
}
