import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { GuestEnd } from '../guest/guest-end.js';
import type { Resumption } from '../journal/journal.js';
import { JournalNeededError } from '../journal/journal-error.js';
import type { RoleSettings } from '../role/role-settings.js';
import type { Generation } from '../units.js';
import { findLive } from './find-live.js';
import { holderFacts } from './holder-facts.js';
import { LiveElsewhereError } from './live-elsewhere-error.js';
import type { Patience } from './patience.js';
import type { ReplicaParts } from './replica-parts.js';

/** What is known before a start. */
export interface StartRules {
  /** The word of an operator who has made sure of it; without it, silence is not death. */
  readonly holderIsDead: boolean;
  /** How that generation's guest ended, if it is known to be off, so that nobody goes live after it. */
  readonly endOf?: (generation: Generation) => Promise<GuestEnd | null>;
  /** Throws if what we have on disk is not what that generation left. */
  readonly mayFollow?: (latest: GenerationRecord) => void;
  /** Boot from the disk, whatever a journal has. */
  readonly isCold?: boolean;
}

/** A generation that is ours, to boot in or to go on in. */
export interface Claimed {
  readonly generation: Generation;
  readonly resumption: Resumption | null;
}

/** Whether we can start after `latest`, and from where: null is the disk. Errors: those of disk and journal. */
export async function prepareStart(
  parts: ReplicaParts,
  { mayFollow, isCold }: StartRules,
  latest: GenerationRecord,
  { isOff }: { readonly isOff: boolean },
): Promise<Resumption | null> {
  mayFollow?.(latest);
  if ((isCold ?? false) || isOff) return null;
  if (!parts.journal) {
    if (latest.keepsJournal) throw new JournalNeededError(latest);
    return null;
  }
  const contents = await parts.journal.resumable(latest);
  return contents ? parts.journal.takeOver(contents) : null;
}

/** Test-and-set of a generation that begins with a boot from the disk or from a journal. */
export async function claimStart(
  parts: ReplicaParts,
  settings: RoleSettings,
  { generation, resumption }: Claimed,
): Promise<ClaimOutcome> {
  if (!resumption) await parts.journal?.startAnew();
  const claimedAt = new Date(parts.clock.wallClockMs()).toISOString();
  const { vm, identity: holder } = settings.self;
  return parts.generations.claim({
    generation,
    vm,
    holder,
    inSync: [],
    reason: resumption ? 'resume' : 'start',
    claimedAt,
    ...holderFacts(settings),
  });
}

/**
 * Claims the VM for somebody who said that he wants it live here. If the last primary is gone and its
 * guest is not known to be off, a backup in sync gets the time to go live first: it has what a boot
 * from the disk would lose. Null: told to stop waiting.
 *
 * Errors: `LiveElsewhereError` if another replica is live, or may be. A journal that cannot be gone on
 *         from is refused: `JournalRefusedError`, `JournalCorruptError`.
 */
export async function claimForStart(
  parts: ReplicaParts,
  settings: RoleSettings,
  patience: Patience,
  rules: StartRules,
): Promise<Claimed | null> {
  const { holderIsDead, endOf } = rules;
  let resumption: Resumption | null = null;
  // The operator has seen one holder dead, and a backup has had its chance after one.
  let [dead, waitedFor]: (Generation | null)[] = [null, null];
  while (!patience.isStopping) {
    const latest = await parts.generations.latest();
    if (latest.kind === 'unreachable') {
      patience.say(`the shared disk: ${latest.why}`);
      await patience.pause(parts.clock, retryMs);
      continue;
    }
    let generation: Generation = 1;
    if (latest.kind === 'found') {
      const { holder } = latest.record;
      // Claimed before, without our hearing of it.
      if (holder.replica === settings.self.identity.replica) {
        return { generation: latest.record.generation, resumption };
      }
      const before = latest.record.generation;
      dead ??= holderIsDead ? before : 0;
      const found = await findLive(parts.probe, latest.record);
      if (found.kind === 'live' || (found.kind === 'silent' && dead !== before)) {
        throw new LiveElsewhereError(latest.record, found);
      }
      const isOff = ((await endOf?.(before)) ?? null) !== null;
      if (waitedFor !== before && !isOff) {
        waitedFor = before;
        patience.say('a backup of the last primary to go live, if there is one');
        await patience.pause(parts.clock, takeoverMs(settings));
        continue;
      }
      resumption = await prepareStart(parts, rules, latest.record, { isOff });
      generation = before + 1;
    }
    const outcome = await claimStart(parts, settings, { generation, resumption });
    if (outcome.kind === 'won') return { generation, resumption };
    if (outcome.kind === 'lost') throw new LiveElsewhereError(outcome.holder);
    patience.say(`the shared disk: ${outcome.why}`);
    await patience.pause(parts.clock, retryMs);
  }
  return null;
}

/** A backup whose channel is cut waits up to three timeouts before it claims (role/failure-detector.ts). */
export function takeoverMs({ failureTimeoutMs }: RoleSettings): number {
  return failureTimeoutMs * 4;
}

export const retryMs = 200;
