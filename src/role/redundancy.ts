/**
 * How many replicas a VM is meant to have, a wish which its status is held against, and how many of
 * those that are in sync its output waits for.
 *
 * Shape:  whoever starts the VM says it, its backups are told and wish the same when they go live; a
 *         backup that was told otherwise by its own operator follows that.
 */
export interface Redundancy {
  /** Backups beside the primary. */
  readonly backups: number;
  /** Output waits for every backup in sync, or for a majority of the replicas (role/quorum.ts). */
  readonly commit: CommitRule;
}
export type CommitRule = 'all' | 'quorum';

export const defaultRedundancy: Redundancy = { backups: 1, commit: 'all' };
