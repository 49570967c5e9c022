import type { GenerationRecord } from '../arbiter/generation-record.js';
import { RefusedError } from '../channel/handshake.js';
import type { Resumption } from '../journal/journal.js';
import type { RoleSettings } from '../role/role-settings.js';
import type { Generation } from '../units.js';
import { LiveElsewhereError } from './live-elsewhere-error.js';
import { diskOf, Replica, type ReplicaEnd, type ReplicaParts } from './replica.js';

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
  #replica: Replica | null = null;
  /** Ends the pause we are in, if any. */
  #wake: () => void = () => undefined;
  #isStopping = false;
  /** The replica that is leaving makes room for a backup, which we then follow. */
  #isHandingOver = false;
  #lastWait = '';

  constructor(makeParts: MakeParts, settings: RoleSettings, events: HypervisorEvents) {
    this.#makeParts = makeParts;
    this.#settings = settings;
    this.#events = events;
  }

  get replica(): Replica | null {
    return this.#replica;
  }

  /**
   * Claims the VM and powers it on. If the last primary is gone and its guest is not known to be off,
   * a backup in sync gets the time to go live first: it has what a boot from the disk would lose.
   *
   * Errors: `LiveElsewhereError` if another replica is live, or may be. `holderIsDead` is the word of
   *         an operator who has made sure of it; without it, silence is not death. A journal that
   *         cannot be gone on from is refused: `JournalRefusedError`, `JournalCorruptError`.
   */
  async runPrimary(start: {
    readonly holderIsDead: boolean;
    /** Whether that generation's guest is known to be off, so that nobody goes live after it. */
    readonly hasEnded?: (generation: Generation) => Promise<boolean>;
    /** Throws if what we have on disk is not what that generation left. */
    readonly mayFollow?: (latest: GenerationRecord) => void;
    /** Boot from the disk, whatever a journal has. */
    readonly isCold?: boolean;
  }): Promise<ReplicaEnd> {
    const parts = this.#makeParts();
    const claimed = await this.#claimForStart(parts, start);
    if (claimed === null || this.#isStopping) return { kind: 'left' };
    const replica = this.#begin(parts);
    try {
      if (claimed.resumption) replica.resume(claimed.generation, claimed.resumption);
      else await replica.powerOn(claimed.generation);
      // A replica that is being made has no role yet to tell.
      if (this.#isStopping) replica.leave();
    } catch (error) {
      return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
    }
    const end = await replica.ended;
    return this.#goesOn(end) ? this.runBackup({ endpoint: null }) : end;
  }

  /**
   * Follows the live primary, and goes live when it dies. Waits for a primary as long as there is
   * none. Errors: `RefusedError` if the primary will not have us.
   */
  async runBackup({ endpoint }: { readonly endpoint: string | null }): Promise<ReplicaEnd> {
    let divergences = 0;
    for (;;) {
      const parts = this.#makeParts();
      const target = await this.#findPrimary(parts, endpoint);
      if (target === null) return { kind: 'left' };
      const replica = this.#begin(parts);
      replica.follow(target);
      const end = await replica.ended;
      let delayMs = retryMs;
      switch (end.kind) {
        case 'refused':
          if (end.refusal.code === 'FTVM_NOT_PRIMARY') break;
          if (end.refusal.code !== 'FTVM_TOO_SLOW') throw new RefusedError(end.refusal);
          this.#wait(`its turn: ${end.refusal.why}`);
          break;
        case 'rejoin':
          // A host that cannot keep a replica right must not pause the guest for it again and again.
          if (end.hasDiverged) delayMs = Math.min(retryMs * 2 ** divergences++, divergedMsMax);
          this.#events.rejoining(`${end.why} (${target})`);
          break;
        case 'lostClaim':
          // A primary that lost halts; a backup that lost the race follows the winner.
          if (replica.isLive) return end;
          this.#events.rejoining(`generation ${end.holder.generation} went to another replica`);
          break;
        case 'left':
          if (!this.#goesOn(end)) return end;
          break;
        case 'poweredOff':
        case 'crashed':
        case 'failed':
          return end;
      }
      if (this.#isStopping) return { kind: 'left' };
      await this.#pause(parts, delayMs);
    }
  }

  /** The operator wants us gone: hand over if there is a backup, and end. */
  leave(): void {
    this.#isStopping = true;
    this.#wake();
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
    this.#replica?.leave();
    return true;
  }

  #goesOn(end: ReplicaEnd): boolean {
    const goesOn = end.kind === 'left' && this.#isHandingOver && !this.#isStopping;
    this.#isHandingOver = false;
    if (goesOn) this.#events.rejoining('this replica handed over');
    return goesOn;
  }

  #begin(parts: ReplicaParts): Replica {
    const replica = new Replica(parts, this.#settings);
    this.#replica = replica;
    this.#lastWait = '';
    this.#events.replica(replica);
    return replica;
  }

  async #claimForStart(
    parts: ReplicaParts,
    start: Parameters<Hypervisor['runPrimary']>[0],
  ): Promise<{ generation: Generation; resumption: Resumption | null } | null> {
    const { holderIsDead, hasEnded, isCold } = start;
    let resumption: Resumption | null = null;
    // The operator has seen one holder dead, and a backup has had its chance after one.
    let [dead, waitedFor]: (Generation | null)[] = [null, null];
    while (!this.#isStopping) {
      const latest = await parts.generations.latest();
      if (latest.kind === 'unreachable') {
        this.#wait(`the shared disk: ${latest.why}`);
        await this.#pause(parts, retryMs);
        continue;
      }
      let generation: Generation = 1;
      if (latest.kind === 'found') {
        const { holder } = latest.record;
        // Claimed before, without our hearing of it.
        if (holder.replica === this.#settings.self.identity.replica)
          return { generation: latest.record.generation, resumption };
        const before = latest.record.generation;
        dead ??= holderIsDead ? before : 0;
        const found = await parts.probe.probe(holder);
        if (found === 'live' || (found === 'silent' && dead !== before)) {
          throw new LiveElsewhereError(latest.record, found);
        }
        const isOff = (await hasEnded?.(before)) ?? false;
        if (waitedFor !== before && !isOff) {
          waitedFor = before;
          this.#wait('a backup of the last primary to go live, if there is one');
          await this.#pause(parts, this.#settings.failureTimeoutMs * takeoverTimeouts);
          continue;
        }
        start.mayFollow?.(latest.record);
        generation = before + 1;
        const goesOn = !(isCold ?? false) && !isOff;
        resumption = goesOn ? await this.#resumption(parts, latest.record) : null;
      }
      const outcome = await parts.generations.claim(this.#record(parts, generation));
      if (outcome.kind === 'won') return { generation, resumption };
      if (outcome.kind === 'lost') throw new LiveElsewhereError(outcome.holder, 'lostClaim');
      this.#wait(`the shared disk: ${outcome.why}`);
      await this.#pause(parts, retryMs);
    }
    return null;
  }

  /** What the journal has to go on from, if the VM has one here. */
  async #resumption(parts: ReplicaParts, latest: GenerationRecord): Promise<Resumption | null> {
    const contents = await parts.journal?.resumable(latest);
    return contents ? ((await parts.journal?.takeOver(contents)) ?? null) : null;
  }

  #record(parts: ReplicaParts, generation: Generation): GenerationRecord {
    const { vm, identity } = this.#settings.self;
    const claimedAt = new Date(parts.clock.wallClockMs()).toISOString();
    return {
      generation,
      vm,
      holder: identity,
      inSync: [],
      reason: 'start',
      claimedAt,
      ...diskOf(this.#settings),
    };
  }

  /** The endpoint of a primary that answers; waits until there is one. */
  async #findPrimary(parts: ReplicaParts, endpoint: string | null): Promise<string | null> {
    while (!this.#isStopping) {
      if (endpoint !== null && this.#replica === null) return endpoint;
      const latest = await parts.generations.latest();
      if (latest.kind === 'found') {
        const { holder } = latest.record;
        const isSelf = holder.replica === this.#settings.self.identity.replica;
        const found = isSelf ? 'gone' : await parts.probe.probe(holder);
        if (found === 'live') return holder.endpoint;
        this.#wait(
          `a primary (generation ${latest.record.generation}'s, process ${holder.pid}, is ${found})`,
        );
      } else {
        this.#wait(latest.kind === 'none' ? 'a primary' : `the shared disk: ${latest.why}`);
      }
      await this.#pause(parts, retryMs);
    }
    return null;
  }

  #wait(forWhat: string): void {
    if (forWhat === this.#lastWait) return;
    this.#lastWait = forWhat;
    this.#events.waiting(forWhat);
  }

  async #pause(parts: ReplicaParts, ms: number): Promise<void> {
    if (this.#isStopping) return;
    await new Promise<void>((resolve) => {
      const cancel = parts.clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

const retryMs = 200;
const divergedMsMax = 60_000;
// A backup whose channel is cut waits up to three timeouts before it claims (role/failure-detector.ts).
const takeoverTimeouts = 4;
