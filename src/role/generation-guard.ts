import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import type { GenerationRecord, Quorum, ReplicaId } from '../arbiter/generation-record.js';
import type { Generation } from '../units.js';
import type { RoleEffect } from './role-effect.js';

type ClaimEffect = Extract<RoleEffect, { kind: 'claim' }>;

/**
 * Whether a primary may still release output: the part of it that talks to shared storage.
 *
 * ```
 *            an in-sync backup is lost              slept longer than a backup would wait
 *   open ──────────────────────────────▶ claiming      open ────────────▶ verifying
 *    ▲        claim of N+1 won               │           ▲   still latest     │
 *    └───────────────────────────────────────┤           └────────────────────┤
 *     confirming: open, but for backups  lost ▼                          newer ▼
 *                                          closed for ever: somebody else is live
 * ```
 * Storage unreachable is not permission: the guard stays shut and asks again (FT paper §2.3).
 */
export class GenerationGuard {
  readonly #replica: ReplicaId;
  #generation: Generation;
  #claim: Omit<ClaimEffect, 'kind' | 'generation'> | null = null;
  #claimStale = false;
  #retryClaimAtMs = Number.POSITIVE_INFINITY;
  /** Answers to questions asked before this one do not count. */
  #verifyingFrom: number | null = null;
  #asked = 0;
  #askAtMs: number;

  constructor(replica: ReplicaId, generation: Generation, nowMs: number) {
    this.#replica = replica;
    this.#generation = generation;
    this.#askAtMs = nowMs + checkMs;
  }

  get generation(): Generation {
    return this.#generation;
  }
  get isOpen(): boolean {
    return this.#claim === null && this.#verifyingFrom === null;
  }
  /** Output may leave. A claim that only confirms that we are live takes nobody out of those we wait for. */
  get mayRelease(): boolean {
    const isConfirming = this.#claim?.reason === 'handedOver' && !this.#claimStale;
    return (isConfirming || this.#claim === null) && this.#verifyingFrom === null;
  }
  /** No doubt that we are live; a claim of ours may be under way. */
  get isVerified(): boolean {
    return this.#verifyingFrom === null;
  }

  /** An in-sync backup is gone: nothing leaves until a generation without it is ours. */
  backupLost(inSync: readonly ReplicaId[]): RoleEffect[] {
    if (this.#claim) {
      this.#claimStale = true;
      return [];
    }
    return this.#startClaim({ inSync, reason: 'backupLost' });
  }

  /** We claimed ahead and are live: until a generation says so, our old primary may be taken for live. */
  confirm(): RoleEffect[] {
    return this.#startClaim({ inSync: [], reason: 'handedOver' });
  }

  /** Our generation is to name other members; the caller knows that no claim is under way. */
  claimMembers(quorum: Quorum, reason: 'backupLost' | 'backupJoined'): RoleEffect[] {
    const inSync = quorum.members.map(({ identity }) => identity.replica);
    return this.#startClaim({ inSync, quorum, reason });
  }

  /** We did not run for a while: a backup may have gone live meanwhile. */
  wokeUp(): RoleEffect[] {
    this.#asked += 1;
    this.#verifyingFrom = this.#asked;
    return [{ kind: 'readGenerations', asked: this.#asked }];
  }

  /** `inSync` is who is in sync now; it may have shrunk since the claim was made. */
  claimAnswered(
    generation: Generation,
    outcome: ClaimOutcome,
    inSync: readonly ReplicaId[],
    nowMs: number,
  ): { readonly effects: RoleEffect[]; readonly won: boolean; readonly lostTo?: GenerationRecord } {
    if (!this.#claim || generation !== this.#generation + 1) return { effects: [], won: false };
    switch (outcome.kind) {
      case 'won':
        this.#generation += 1;
        this.#claim = null;
        return {
          effects: this.#claimStale ? this.#startClaim({ inSync, reason: 'backupLost' }) : [],
          won: true,
        };
      case 'lost':
        if (this.isHeirs(outcome.holder)) {
          // Our heir is lost before we said goodbye: the one after is for us both to claim.
          this.#generation += 1;
          return { effects: this.#startClaim({ inSync, reason: 'backupLost' }), won: false };
        }
        return { effects: [], won: false, lostTo: outcome.holder };
      case 'unreachable':
        this.#retryClaimAtMs = nowMs + retryMs;
        return {
          effects: [{ kind: 'report', report: { kind: 'storageUnreachable', why: outcome.why } }],
          won: false,
        };
    }
  }

  /** Claimed ahead by whom we asked to: nobody is live in it unless we say goodbye. */
  isHeirs({ generation, handedOverBy }: GenerationRecord): boolean {
    return generation === this.#generation + 1 && handedOverBy?.replica === this.#replica;
  }

  /** Returns who is live instead of us, if somebody is. */
  generationsRead(
    asked: number,
    latest: GenerationRecord | 'unreachable',
    nowMs: number,
  ): GenerationRecord | null {
    if (latest === 'unreachable') {
      if (this.#verifyingFrom !== null) this.#askAtMs = nowMs + retryMs;
      return null;
    }
    const isNews = latest.generation > this.#generation && !this.isHeirs(latest);
    if (isNews && latest.holder.replica !== this.#replica) {
      return latest;
    }
    // An older one is no proof: that storage, or a cache before it, has lost ours from sight.
    if (latest.generation < this.#generation)
      return this.generationsRead(asked, 'unreachable', nowMs);
    if (this.#verifyingFrom !== null && asked >= this.#verifyingFrom) this.#verifyingFrom = null;
    return null;
  }

  tick(inSync: readonly ReplicaId[], nowMs: number): RoleEffect[] {
    const effects: RoleEffect[] = [];
    if (this.#claim && nowMs >= this.#retryClaimAtMs) {
      // The same claim again: it may have gone through without our hearing of it.
      effects.push(...this.#startClaim(this.#claim));
      const isLost = (replica: ReplicaId): boolean => !inSync.includes(replica);
      this.#claimStale ||= !this.#claim.quorum && this.#claim.inSync.some(isLost);
    }
    if (nowMs >= this.#askAtMs) {
      this.#askAtMs = nowMs + checkMs;
      this.#asked += 1;
      effects.push({ kind: 'readGenerations', asked: this.#asked });
    }
    return effects;
  }

  #startClaim(claim: Omit<ClaimEffect, 'kind' | 'generation'>): RoleEffect[] {
    this.#claim = claim;
    this.#claimStale = false;
    this.#retryClaimAtMs = Number.POSITIVE_INFINITY;
    const generation = this.#generation + 1;
    return [{ kind: 'claim', generation, ...claim }];
  }
}

// Defence in depth: a primary without backups asks nobody for acks, so it looks at the storage.
const checkMs = 1000;
const retryMs = 250;
