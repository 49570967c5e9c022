import type { GenerationRecord, ReplicaId, ReplicaIdentity } from '../arbiter/generation-record.js';
import type { GuestEnd } from '../guest/guest-end.js';
import { FtvmError } from '../errors.js';
import { JournalCorruptError, JournalRefusedError } from '../journal/journal-error.js';
import type { HolderProbe } from '../host/holder-probe.js';
import { votesNeeded } from '../role/quorum.js';
import type { RoleSettings } from '../role/role-settings.js';
import type { Generation } from '../units.js';
import type { Patience } from './patience.js';
import { findLive, processWords } from './find-live.js';
import type { ReplicaParts } from './replica-parts.js';
import {
  claimStart,
  prepareStart,
  retryMs,
  takeoverMs,
  type Claimed,
  type StartRules,
} from './start-claim.js';

/** With whom a replica that has a machine, or none, goes on. */
export type Target =
  | { readonly kind: 'follow'; readonly endpoint: string }
  /** Its primary was there, and is gone: what stands here may go live if the others agree. */
  | { readonly kind: 'elect'; readonly endpoint: string };

/** What a replica can be of use for now. */
export type Need =
  | Target
  /** The generation is ours: power the machine on. */
  | ({ readonly kind: 'start' } & Claimed)
  /** The guest is off, and whoever ran it knows. */
  | { readonly kind: 'ended'; readonly end: GuestEnd };

/**
 * Finds out what is needed of a replica that will be whatever is needed (`ftvm run --auto`).
 *
 * ```
 * the holder of the latest generation …
 *   answers ─▶ follow it          is silent ─▶ wait: it may be live
 *      └ no ─▶ what stands here has a say? ask the others
 *   is gone, and so is who hands over to it
 *           ─▶ a replica that was in sync with it may still go live? wait for it
 *              nobody may ─▶ wait as long as a backup needs that nobody knows of, then claim, boot
 *              its guest is known to be off ─▶ boot, if that was so before we came; else end, too
 * ```
 * Shape:  lives as long as the process; one `find` for each replica that it runs.
 * Errors: those of the generation files. Storage that does not answer is waited for.
 */
export class Vacancy {
  readonly #settings: RoleSettings;
  readonly #patience: Patience;
  readonly #rules: StartRules;
  /** The guest that was off when we came: not the one we are to run. */
  #endedBefore: Generation | null = null;
  /** The holder that was silent when we came, and that the operator vouches is dead. */
  #dead: Generation | null = null;
  /** The last one when we came: that is what the operator's `--cold` is about. */
  #cold: Generation | null = null;
  /** A journal that was refused then is not read again and again. */
  #refused: { readonly generation: Generation; readonly why: string } | null = null;
  /** A claim whose answer we did not hear. */
  #attempted: Claimed | null = null;
  /** Backups nobody knows of have had their chance after this one. */
  #waitedFor: Generation | null = null;

  constructor(settings: RoleSettings, patience: Patience, rules: StartRules) {
    this.#settings = settings;
    this.#patience = patience;
    this.#rules = rules;
  }

  /** Null: told to stop waiting. */
  async find(
    parts: ReplicaParts,
    mayElectAfter: (latest: GenerationRecord) => boolean = () => false,
  ): Promise<Need | null> {
    while (!this.#patience.isStopping) {
      const need = await this.#look(parts, mayElectAfter);
      if (need !== 'wait') return need;
      await this.#patience.pause(parts.clock, retryMs);
    }
    return null;
  }

  async #look(
    parts: ReplicaParts,
    mayElectAfter: (latest: GenerationRecord) => boolean,
  ): Promise<Need | 'wait'> {
    const latest = await parts.generations.latest();
    if (latest.kind === 'unreachable') return this.#wait(`the shared disk: ${latest.why}`);
    if (latest.kind === 'none') return this.#claim(parts, { generation: 1, resumption: null });
    const { record } = latest;
    const { generation, holder } = record;
    this.#dead ??= this.#rules.holderIsDead ? generation : 0;
    this.#cold ??= this.#rules.isCold ? generation : 0;
    const end = (await this.#rules.endOf?.(generation)) ?? null;
    this.#endedBefore ??= end ? generation : 0;
    if (end) {
      if (generation !== this.#endedBefore) return { kind: 'ended', end };
      return this.#claimAfter(parts, record, { isOff: true });
    }
    const { replica: self } = this.#settings.self.identity;
    const isOurs = holder.replica === self;
    if (isOurs && this.#attempted?.generation === generation) return this.#start(this.#attempted);
    const found = await findLive(parts.probe, record, self);
    if (found.kind === 'live') return { kind: 'follow', endpoint: found.replica.endpoint };
    if (!isOurs && mayElectAfter(record)) return { kind: 'elect', endpoint: holder.endpoint };
    if (found.kind === 'silent' && this.#dead !== generation) {
      return this.#wait(`${processWords(found.replicas)}, which may be live: it is silent`);
    }
    return this.#succeed(parts, record);
  }

  /** The last primary is gone. Whoever has its guest in memory goes first. */
  async #succeed(parts: ReplicaParts, last: GenerationRecord): Promise<Need | 'wait'> {
    const { generation } = last;
    const { replica: self } = this.#settings.self.identity;
    const heir = await heirOf(parts.probe, last, self);
    if (heir) return this.#wait(`process ${heir.pid} on ${heir.host} to go live`);
    for (const member of last.quorum ? [] : await parts.roster.read(generation)) {
      if (member.replica === self) continue;
      const may = await parts.probe.mayGoLive(member);
      if (may === 'no') continue;
      const silent = may === 'silent' ? ': it is silent' : '';
      return this.#wait(`process ${member.pid} on ${member.host} to go live${silent}`);
    }
    if (this.#waitedFor !== generation) {
      this.#waitedFor = generation;
      this.#patience.say('a backup of the last primary to go live, if there is one');
      await this.#patience.pause(parts.clock, takeoverMs(this.#settings));
      return 'wait';
    }
    return this.#claimAfter(parts, last, { isOff: false });
  }

  async #claimAfter(
    parts: ReplicaParts,
    last: GenerationRecord,
    known: { readonly isOff: boolean },
  ): Promise<Need | 'wait'> {
    const { generation } = last;
    if (this.#refused?.generation === generation) return this.#waitFor(this.#refused.why);
    try {
      const rules = { ...this.#rules, isCold: this.#cold === generation };
      const resumption = await prepareStart(parts, rules, last, known);
      return await this.#claim(parts, { generation: generation + 1, resumption });
    } catch (error) {
      if (!(error instanceof FtvmError)) throw error;
      const isOfJournal =
        error instanceof JournalRefusedError || error instanceof JournalCorruptError;
      if (isOfJournal) this.#refused = { generation, why: error.message };
      return this.#waitFor(error.message);
    }
  }

  /** Another one may have the disk or the journal that is wanted. */
  #waitFor(why: string): 'wait' {
    return this.#wait(`a replica that can start the VM; here: ${why}`);
  }

  async #claim(parts: ReplicaParts, claim: Claimed): Promise<Need | 'wait'> {
    const outcome = await claimStart(parts, this.#settings, claim);
    if (outcome.kind === 'won') return this.#start(claim);
    if (outcome.kind === 'lost') return 'wait';
    this.#attempted = claim;
    return this.#wait(`the shared disk: ${outcome.why}`);
  }

  #start(claimed: Claimed): Need {
    this.#attempted = null;
    return { kind: 'start', ...claimed };
  }

  #wait(forWhat: string): 'wait' {
    this.#patience.say(forWhat);
    return 'wait';
  }
}

/** With `--commit quorum`: one of its members, if so many are left that they may decide who goes live. */
async function heirOf(
  probe: HolderProbe,
  { quorum }: GenerationRecord,
  self: ReplicaId,
): Promise<ReplicaIdentity | null> {
  if (!quorum) return null;
  const heirs: ReplicaIdentity[] = [];
  for (const { identity, seat } of quorum.members) {
    const answer = identity.replica === self ? 'none' : await probe.seatOf(identity);
    if (answer === 'silent' || (typeof answer === 'object' && answer.seat === seat)) {
      heirs.push(identity);
    }
  }
  return heirs.length >= votesNeeded(quorum) ? (heirs[0] ?? null) : null;
}
