import { refusalOf, type HandshakeSelf } from '../channel/handshake.js';
import type { Hello, Refusal } from '../channel/wire-message.js';
import type { CommitRule } from './redundancy.js';

/**
 * May the peer that says `hello` become our backup, and now? Null if it may. What does not fit is
 * told first, because waiting will not change it.
 */
export function admissionRefusal(
  hello: Hello,
  self: HandshakeSelf,
  now: {
    readonly isEnding: boolean;
    readonly isFull: boolean;
    readonly awayForMs: number;
    /** Why our log does not go on from where it stands. */
    readonly whyParted: string | null;
    readonly commit: CommitRule;
  },
): Refusal | null {
  const refusal = refusalOf(hello, self);
  if (refusal) return refusal;
  if (now.commit === 'quorum' && hello.keepsJournal) {
    return {
      kind: 'refusal',
      code: 'FTVM_QUORUM_JOURNAL',
      why: 'output waits for a majority, and the journal of one backup may lack what has left',
      remedy: 'Start this backup without --journal, or the primary with --commit all.',
    };
  }
  if (now.isEnding) {
    return {
      kind: 'refusal',
      code: 'FTVM_GUEST_IS_OFF',
      why: 'its guest is shutting down',
      remedy: 'Start the VM again with --primary.',
    };
  }
  if (now.isFull) {
    return {
      kind: 'refusal',
      code: 'FTVM_TOO_MANY_BACKUPS',
      why: 'it has as many backups as it takes',
      remedy: 'Stop one of the backups first.',
    };
  }
  if (now.awayForMs > 0) {
    return {
      kind: 'refusal',
      code: 'FTVM_TOO_SLOW',
      why: 'this backup was dropped because it was too slow',
      remedy: `It may join again in ${Math.ceil(now.awayForMs / 1000)} s.`,
    };
  }
  if (now.whyParted !== null) {
    return {
      kind: 'refusal',
      code: LOG_PARTED,
      why: `it cannot go on from the log: ${now.whyParted}`,
      remedy: 'Join with no machine of its own, for the state.',
    };
  }
  return null;
}

/** Said to a backup that stands somewhere: without its stand it is welcome. */
export const LOG_PARTED = 'FTVM_LOG_PARTED';
