/**
 * How many replicas a VM is meant to have: a wish, which its status is held against.
 *
 * Shape:  whoever starts the VM says it, its backups are told and wish the same when they go live; a
 *         backup that was told otherwise by its own operator follows that.
 */
export interface Redundancy {
  /** Backups beside the primary. */
  readonly backups: number;
}

export const defaultRedundancy: Redundancy = { backups: 1 };
