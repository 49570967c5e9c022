import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { JournalContents } from './journal-reader.js';

/**
 * Whether a journal is where the VM was when it died: one of its keepers was live, or in sync, in the
 * latest generation.
 *
 * A primary that loses a backup begins a generation without it before anything more leaves (§2.3), and
 * until then no write reaches the disk that the journals of its members do not have. So a journal of a
 * member has everything that the disk has, and any other may not.
 *
 * Answers why not, or null.
 */
export function isBehind(
  journal: Pick<JournalContents, 'owners' | 'memberOf'>,
  latest: GenerationRecord | null,
): string | null {
  if (!latest) return 'the VM has never been started, as far as its generations tell';
  const { generation, holder, inSync } = latest;
  const { owners, memberOf } = journal;
  const isMember =
    memberOf.includes(generation) ||
    owners.includes(holder.replica) ||
    owners.some((owner) => inSync.includes(owner));
  if (isMember) return null;
  return `the disk has moved on: generation ${generation} ran on ${holder.host} (process ${holder.pid}) and this journal was not part of it`;
}
