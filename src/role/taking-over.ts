import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import type { GenerationRecord, ReplicaId, ReplicaIdentity } from '../arbiter/generation-record.js';
import type { SeatAnswer } from '../arbiter/seat.js';
import type { Generation } from '../units.js';
import type { DivergedError } from './diverged-error.js';
import { Election, type Candidate } from './election.js';
import { Reservation } from './reservation.js';
import type { RoleEffect } from './role-effect.js';

/** How a take-over stands. */
export type TakeOverVerdict =
  | { readonly kind: 'electing' | 'claiming'; readonly effects: RoleEffect[] }
  | { readonly kind: 'won' }
  | { readonly kind: 'lost'; readonly holder: GenerationRecord }
  /** Nobody has won; it may not claim. */
  | { readonly kind: 'parted'; readonly why: string };

/**
 * How a backup comes by the generation after the one it follows in.
 *
 * ```
 * following ─▶ (electing ─▶) claiming ─▶ won, or lost
 *    │             └▶ parted  ▲  └▶ electing, or the next claim: its primary began that generation
 *    └▶ reserved ─────────────┘
 *        while the primary lives: reservation.ts
 * ```
 * Shape:  told what happens, answers effects and how it stands; when there is a reason to take over, and
 *         what follows from the verdict, is the backup's business.
 * Errors: `DivergedError` where a wrong machine would have gone live.
 * Source: FT paper §2.3.
 */
export class TakingOver {
  readonly #replica: ReplicaId;
  #generation: Generation = 0;
  readonly #reservation = new Reservation();
  #election: Election | null = null;
  #retryAtMs = Number.POSITIVE_INFINITY;
  #divergence: DivergedError | null = null;
  #hasPrimaryLeft = false;
  #isAhead = false;

  constructor(replica: ReplicaId) {
    this.#replica = replica;
  }

  /** The one that it follows in; its own once it has won. */
  get generation(): Generation {
    return this.#generation;
  }

  /** It was won before its primary said goodbye. */
  get isAhead(): boolean {
    return this.#isAhead;
  }

  /** The primary that it follows is live in this one. */
  follow(generation: Generation): void {
    if (generation > this.#generation) this.#reservation.drop();
    this.#generation = generation;
  }
  /** It has said that it is over, and its guest is not. */
  primaryLeft(): void {
    this.#hasPrimaryLeft = true;
  }
  /** Left out of a generation, it may have read a disk that went on without it: then it loses the claim. */
  diverged(error: DivergedError): void {
    this.#divergence = error;
  }

  /** A planned switch-over: the generation is ours before the guest has to stand still. */
  claimAhead(primary: ReplicaIdentity): RoleEffect[] {
    return this.#reservation.ask(this.#generation + 1, primary);
  }
  /** Whether the generation is reserved now. */
  answeredAhead(outcome: ClaimOutcome, nowMs: number): boolean {
    if (!this.#reservation.isAsked) return false;
    this.#reservation.answered(outcome, nowMs);
    return this.#reservation.isHeld;
  }

  claim(): TakeOverVerdict {
    // It is not known yet; or it is, as if it had just been won.
    if (this.#reservation.isAsked) return { kind: 'claiming', effects: [] };
    return this.#reservation.isHeld ? this.#won() : this.#claim();
  }

  /** Instead of a claim at once: the others have a say in it. */
  callElection(candidate: Omit<Candidate, 'replica'>, nowMs: number): TakeOverVerdict {
    this.#election = new Election({ replica: this.#replica, ...candidate }, nowMs);
    return this.#elect(this.#election, nowMs);
  }
  /** What the storage says; a verdict if it names members, and we are none of them. */
  membersRead(latest: GenerationRecord): TakeOverVerdict | null {
    if (!this.#election || this.#election.read(latest)) return null;
    const why = `lost the primary; generation ${latest.generation} is without this backup`;
    return { kind: 'parted', why };
  }
  memberAnswered(replica: ReplicaId, answer: SeatAnswer, nowMs: number): void {
    this.#election?.answered(replica, answer, nowMs);
  }
  elect(nowMs: number): TakeOverVerdict | null {
    return this.#election && this.#elect(this.#election, nowMs);
  }

  answered(outcome: ClaimOutcome, nowMs: number): TakeOverVerdict {
    switch (outcome.kind) {
      case 'won':
        return this.#won();
      case 'lost':
        this.#reservation.drop();
        return this.#lost(outcome.holder, nowMs);
      case 'unreachable': {
        // Never back to following: that claim may have gone through without our hearing of it.
        if (this.#reservation.isAsked) this.#reservation.answered(outcome, nowMs);
        else this.#retryAtMs = nowMs + retryMs;
        const report = { kind: 'storageUnreachable', why: outcome.why } as const;
        return { kind: 'claiming', effects: [{ kind: 'report', report }] };
      }
    }
  }

  /** The claim that the storage did not answer, again. */
  retry(nowMs: number): RoleEffect[] {
    const ahead = this.#reservation.retry(nowMs);
    return nowMs < this.#retryAtMs ? ahead : [...ahead, this.#claimNext()];
  }

  /** Claims, if enough of the others have left the primary as well, with no more than we have. */
  #elect(election: Election, nowMs: number): TakeOverVerdict {
    if (election.isHopeless) {
      this.#generation = election.generation;
      return { kind: 'parted', why: 'too few of those in sync are left to go live' };
    }
    if (election.wonIn === null) return { kind: 'electing', effects: election.tick(nowMs) };
    this.#generation = election.wonIn;
    return this.#claim();
  }

  #won(): TakeOverVerdict {
    if (this.#divergence) throw this.#divergence;
    this.#generation += 1;
    this.#isAhead = this.#reservation.isAsked || this.#reservation.isHeld;
    this.#reservation.drop();
    // Its primary has not said goodbye, and may have claimed the one after.
    return this.#isAhead && !this.#hasPrimaryLeft ? this.#claim() : { kind: 'won' };
  }

  #lost(holder: GenerationRecord, nowMs: number): TakeOverVerdict {
    // As below; but the members of the next one have to be asked anew.
    if (this.#election?.read(holder)) return this.#elect(this.#election, nowMs);
    if (!this.#election && holder.inSync.includes(this.#replica)) {
      // Our own primary began it, with us, before it died: the next one is ours to claim.
      this.#generation = holder.generation;
      return this.#claim();
    }
    return { kind: 'lost', holder };
  }

  #claim(): TakeOverVerdict {
    return { kind: 'claiming', effects: [this.#claimNext()] };
  }
  #claimNext(): RoleEffect {
    this.#retryAtMs = Number.POSITIVE_INFINITY;
    return { kind: 'claim', generation: this.#generation + 1, inSync: [], reason: 'takeover' };
  }
}

const retryMs = 100;
