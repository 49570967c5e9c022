import type { Command } from 'commander';
import type { Redundancy } from '../role/redundancy.js';
import { defaultSlowBackupRule, type SlowBackupRule } from '../role/slow-backups.js';
import { wholeNumber } from './option-parsers.js';

/** What commander parsed about how many replicas there are to be. */
export interface RedundancyArguments {
  readonly backups?: number;
  readonly slowBackup: number;
}

export function addRedundancyOptions(command: Command): Command {
  return command
    .option(
      '--backups <n>',
      'how many the VM is meant to have (1); status says what is missing',
      wholeNumber(1, 8),
    )
    .option(
      '--slow-backup <ms>',
      'drop a backup for which output has waited that long',
      wholeNumber(100, 3_600_000),
      defaultSlowBackupRule.heldMsMax,
    );
}

/** What this operator said; the rest is as the primary says. */
export function redundancyOf({ backups }: RedundancyArguments): Partial<Redundancy> {
  return backups === undefined ? {} : { backups };
}

export function slowBackupRuleOf({ slowBackup }: RedundancyArguments): SlowBackupRule {
  return { ...defaultSlowBackupRule, heldMsMax: slowBackup };
}
