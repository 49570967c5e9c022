import type { GenerationRecord } from '../arbiter/generation-record.js';
import { RefusedError } from '../channel/handshake.js';
import { warmStartEpoch } from '../guest/warm-start.js';
import type { Resumption } from '../journal/journal.js';
import { LOG_PARTED } from '../role/admission.js';
import { DivergedError } from '../role/diverged-error.js';
import type { RoleSettings } from '../role/role-settings.js';
import { BackOff } from './back-off.js';
import { findLive } from './find-live.js';
import { Patience } from './patience.js';
import { Replica } from './replica.js';
import type { ReplicaEnd, ReplicaParts } from './replica-parts.js';
import { claimForStart, retryMs, type Claimed, type StartRules } from './start-claim.js';
import { Vacancy, type Target } from './vacancy.js';

/** What the operator asked for, and what happens on the way, for the driver of a screen. */
export interface HypervisorEvents {
  /** A new replica begins; the one before it, if any, is over. */
  readonly replica: (replica: Replica) => void;
  /** Waiting for something that may take long, in words; said once per reason. */
  readonly waiting: (forWhat: string) => void;
  /** A backup is over and joins whoever is live as a new one. */
  readonly rejoining: (why: string) => void;
}

/** Makes the parts of one replica; a backup that re-joins gets a fresh console and new links. */
export type MakeParts = () => ReplicaParts;

/**
 * One VM on one host, from start to end: finds out who is live, becomes primary or follows, and
 * follows again when it has to.
 */
export class Hypervisor {
  readonly #makeParts: MakeParts;
  readonly #settings: RoleSettings;
  readonly #events: HypervisorEvents;
  readonly #patience: Patience;
  readonly #backOff: BackOff;
  // A host that cannot keep a replica right must not pause the guest for it again and again.
  readonly #divergedBackOff = new BackOff(retryMs, divergedMsMax);
  #replica: Replica | null = null;
  /** A backup without a primary, which keeps its machine for whoever is live next. */
  #standing: { readonly replica: Replica; readonly parts: ReplicaParts } | null = null;
  /** The replica that is leaving makes room for a backup, which we then follow. */
  #isHandingOver = false;

  constructor(makeParts: MakeParts, settings: RoleSettings, events: HypervisorEvents) {
    this.#makeParts = makeParts;
    this.#settings = settings;
    this.#events = events;
    this.#patience = new Patience(events.waiting);
    this.#backOff = new BackOff(retryMs, settings.failureTimeoutMs * 10);
  }

  get replica(): Replica | null {
    return this.#replica;
  }

  /** Claims the VM and runs it live. Errors: see start-claim.ts. */
  async runPrimary(start: StartRules): Promise<ReplicaEnd> {
    const parts = this.#makeParts();
    const claimed = await claimForStart(parts, this.#settings, this.#patience, start);
    if (claimed === null || this.#patience.isStopping) return { kind: 'left' };
    const end = await this.#goLive(this.#begin(parts), claimed);
    return this.#handedOver(end) ? this.runBackup({ endpoint: null }) : end;
  }

  /**
   * Follows the live primary, and goes live when it dies. Waits for a primary as long as there is
   * none. Errors: `RefusedError` if the primary will not have us.
   */
  async runBackup({ endpoint }: { readonly endpoint: string | null }): Promise<ReplicaEnd> {
    try {
      for (;;) {
        const parts = this.#nextParts();
        const target = await this.#findPrimary(parts, endpoint);
        if (target === null) return { kind: 'left' };
        const { replica, end } = await this.#follow(parts, target);
        // A primary that lost its place halts; a backup that lost the race follows the winner.
        if (end.kind === 'lostClaim' && replica.isLive) return end;
        const delayMs = this.#pauseAfter(end, passing, target.endpoint);
        if (delayMs === null) return end;
        if (this.#patience.isStopping) return { kind: 'left' };
        await this.#patience.pause(parts.clock, delayMs);
      }
    } finally {
      await this.#dismiss();
    }
  }

  /**
   * Is whatever the VM needs, for as long as its guest runs: its primary if nobody is live, else a
   * backup of who is; and again whenever that is over. Errors: `RefusedError` if the primary will
   * not have us and waiting does not help.
   */
  async runAuto(rules: StartRules): Promise<ReplicaEnd> {
    const vacancy = new Vacancy(this.#settings, this.#patience, rules);
    try {
      for (;;) {
        const parts = this.#nextParts();
        const need = await vacancy.find(parts, this.#mayElectAfter);
        if (need?.kind === 'ended') {
          // Whatever we were before, it is not our guest that ended.
          this.#replica = null;
          return need.end;
        }
        if (need === null || this.#patience.isStopping) return { kind: 'left' };
        const { end } = await (need.kind === 'start'
          ? this.#start(parts, need)
          : this.#follow(parts, need));
        const followed = need.kind === 'start' ? 'live here' : need.endpoint;
        const delayMs = this.#pauseAfter(end, passingForAuto, followed);
        if (delayMs === null) return end;
        if (this.#patience.isStopping) return { kind: 'left' };
        await this.#patience.pause(parts.clock, delayMs);
      }
    } finally {
      await this.#dismiss();
    }
  }

  /** The operator wants us gone: hand over if there is a backup, and end. */
  leave(): void {
    this.#patience.stop();
    this.#replica?.leave();
  }

  /**
   * Planned switch-over: a backup in sync goes live and we become its backup. False if there is none
   * to hand over to.
   */
  handOver(): boolean {
    const status = this.#replica?.status();
    if (status?.kind !== 'primary') return false;
    if (!status.status.backups.some(({ inSync }) => inSync)) return false;
    this.#isHandingOver = true;
    this.#replica?.handOver();
    return true;
  }

  #handedOver(end: ReplicaEnd): boolean {
    const handedOver = end.kind === 'left' && this.#isHandingOver && !this.#patience.isStopping;
    this.#isHandingOver = false;
    if (handedOver) this.#events.rejoining('this replica handed over');
    return handedOver;
  }

  /** Of the replica that kept its machine, or of a new one, which will need a machine. */
  #nextParts(): ReplicaParts {
    if (this.#standing) return this.#standing.parts;
    const parts = this.#makeParts();
    parts.prepareVcpu?.();
    return parts;
  }

  #begin(parts: ReplicaParts): Replica {
    const onReport: ReplicaParts['onReport'] = (report) => {
      if (report.kind === 'inSync' || report.kind === 'generationClaimed') this.#backOff.reset();
      // Whoever is turned away waits on, and has said for what.
      if (report.kind === 'welcomed' || report.kind === 'generationClaimed') this.#patience.over();
      parts.onReport(report);
    };
    const replica = new Replica({ ...parts, onReport }, this.#settings);
    this.#replica = replica;
    this.#events.replica(replica);
    return replica;
  }

  /** With the machine that stands here, if there is one. */
  async #follow(
    parts: ReplicaParts,
    target: Target,
  ): Promise<{ readonly replica: Replica; readonly end: ReplicaEnd }> {
    const replica = this.#standing?.replica ?? this.#begin(parts);
    if (target.kind === 'elect') replica.elect();
    else replica.follow(target.endpoint);
    const end = await replica.ended;
    this.#standing = replica.stands ? { replica, parts } : null;
    return { replica, end };
  }

  /** Whatever stands here is of a guest that nobody goes on with. */
  async #start(parts: ReplicaParts, claimed: Claimed): Promise<{ readonly end: ReplicaEnd }> {
    const isTaken = this.#standing !== null;
    await this.#dismiss();
    return { end: await this.#goLive(this.#begin(isTaken ? this.#makeParts() : parts), claimed) };
  }

  async #dismiss(): Promise<void> {
    const replica = this.#standing?.replica;
    this.#standing = null;
    replica?.leave();
    await replica?.ended;
  }

  async #goLive(replica: Replica, { generation, resumption }: Claimed): Promise<ReplicaEnd> {
    try {
      if (resumption && !isUngreeted(resumption)) replica.resume(generation, resumption);
      else await replica.powerOn(generation);
      // A replica that is being made has no role yet to tell.
      if (this.#patience.isStopping) replica.leave();
    } catch (error) {
      return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
    }
    return replica.ended;
  }

  /** How long to wait before this process is a replica again; null: that was it. */
  #pauseAfter(end: ReplicaEnd, passing: ReadonlySet<string>, followed: string): number | null {
    switch (end.kind) {
      case 'refused':
        if (end.refusal.code === LOG_PARTED) {
          this.#events.rejoining(end.refusal.why);
          return 0;
        }
        if (!passing.has(end.refusal.code)) throw new RefusedError(end.refusal);
        this.#patience.say(`its turn: ${end.refusal.why}`);
        return this.#backOff.next();
      case 'rejoin':
        this.#events.rejoining(`${end.why} (${followed})`);
        return (end.hasDiverged ? this.#divergedBackOff : this.#backOff).next();
      case 'lostClaim':
        this.#events.rejoining(`generation ${end.holder.generation} went to another replica`);
        // With its machine it is a backup again as soon as the winner is live.
        return this.#standing ? soonMs : this.#backOff.next();
      case 'left':
        return this.#handedOver(end) ? retryMs : null;
      case 'failed':
        if (passing !== passingForAuto || !(end.error instanceof DivergedError)) return null;
        this.#events.rejoining(end.error.message);
        return this.#divergedBackOff.next();
      case 'poweredOff':
      case 'crashed':
        return null;
    }
  }

  readonly #mayElectAfter = (latest: GenerationRecord): boolean =>
    this.#standing?.replica.mayElectAfter(latest) ?? false;

  /** A primary that answers, or a generation in which we have a say; waits until there is one. */
  async #findPrimary(parts: ReplicaParts, endpoint: string | null): Promise<Target | null> {
    while (!this.#patience.isStopping) {
      if (endpoint !== null && this.#replica === null) return { kind: 'follow', endpoint };
      const latest = await parts.generations.latest();
      if (latest.kind === 'found') {
        const { holder } = latest.record;
        const { replica: self } = this.#settings.self.identity;
        const found = await findLive(parts.probe, latest.record, self);
        if (found.kind === 'live') return { kind: 'follow', endpoint: found.replica.endpoint };
        if (this.#mayElectAfter(latest.record)) return { kind: 'elect', endpoint: holder.endpoint };
        this.#patience.say(
          `a primary (generation ${latest.record.generation}'s, process ${holder.pid}, is ${found.kind})`,
        );
      } else {
        this.#patience.say(latest.kind === 'none' ? 'a primary' : `the shared disk: ${latest.why}`);
      }
      await this.#patience.pause(parts.clock, retryMs);
    }
    return null;
  }
}

/** Nobody has told the guest who it is, and it waits for that: there is nothing to be gone on with. */
function isUngreeted({ snapshot, lastEpoch }: Resumption): boolean {
  return lastEpoch === warmStartEpoch && snapshot?.epoch === lastEpoch;
}

/** Refusals that another attempt may not meet. */
const passing: ReadonlySet<string> = new Set(['FTVM_NOT_PRIMARY', 'FTVM_TOO_SLOW']);
const passingForAuto: ReadonlySet<string> = new Set([
  ...passing,
  'FTVM_GUEST_IS_OFF',
  'FTVM_TOO_MANY_BACKUPS',
]);
const divergedMsMax = 60_000;
// A winner is live within 30 ms on an idle host.
const soonMs = 50;
