import type { Quorum } from '../arbiter/generation-record.js';
import type { Epoch } from '../units.js';

/**
 * The arithmetic of `--commit quorum`: a majority of the replicas, of which the primary is one.
 *
 * ```
 * members in sync   acks that output waits for   members that must agree to a takeover
 *       1                      1                                 1
 *       2                      1                                 2
 *       3                      2                                 2
 *       4                      2                                 3
 * ```
 * Acks and agreements are one more than the members: each set of the one kind meets each of the other.
 */
export function acksNeeded(members: number): number {
  return Math.ceil(members / 2);
}

/** How many members must have left their primary, so that one of them has whatever output has left. */
export function votesNeeded({ acks, members }: Quorum): number {
  return members.length - acks + 1;
}

/** The newest epoch that enough of them have acknowledged; `ran` if there is nobody to ask. */
export function ackedByQuorum(members: readonly { readonly acked: Epoch }[], ran: Epoch): Epoch {
  const newestFirst = members.map(({ acked }) => acked).sort((a, b) => b - a);
  return Math.min(ran, newestFirst[acksNeeded(members.length) - 1] ?? ran);
}
