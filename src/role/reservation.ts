import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { Generation } from '../units.js';
import type { RoleEffect } from './role-effect.js';

/**
 * The heir's claim ahead of a planned switch-over, made while the old primary's guest still runs.
 *
 * ```
 * none ─▶ asked ───────▶ held ─▶ live in it, if the primary said goodbye
 *          the claim is           └▶ claims the one after, if it is suspected
 *          under way
 * ```
 * Shape:  such a generation names the old primary. What it gives the heir is the right to be live once
 *         the old one has said that it is over. Of the two, whoever loses the other without that word
 *         has to win the generation after it, so neither can lock the other out. Whoever finds the heir
 *         dead asks the old primary, too (hypervisor/find-live.ts), until the heir, live, has written
 *         the generation after (`GenerationGuard.confirm`).
 * Source: FT paper §2.3, taken out of the pause of §3.3.
 */
export class Reservation {
  #state: 'none' | 'asked' | 'held' = 'none';
  #claim: RoleEffect | null = null;
  #retryAtMs = Number.POSITIVE_INFINITY;

  get isAsked(): boolean {
    return this.#state === 'asked';
  }
  get isHeld(): boolean {
    return this.#state === 'held';
  }

  ask(generation: Generation, handedOverBy: ReplicaIdentity): RoleEffect[] {
    this.#state = 'asked';
    this.#claim = { kind: 'claim', generation, inSync: [], handedOverBy, reason: 'handOver' };
    return [this.#claim];
  }
  answered({ kind }: ClaimOutcome, nowMs: number): void {
    if (kind === 'unreachable') this.#retryAtMs = nowMs + retryMs;
    else if (kind === 'won') this.#state = 'held';
    else this.drop();
  }
  /** The same again is no other claim: it may have gone through without our hearing of it. */
  retry(nowMs: number): RoleEffect[] {
    if (!this.#claim || nowMs < this.#retryAtMs) return [];
    this.#retryAtMs = Number.POSITIVE_INFINITY;
    return [this.#claim];
  }
  /** And whatever was still to be done about it. */
  drop(): void {
    [this.#state, this.#claim, this.#retryAtMs] = ['none', null, Number.POSITIVE_INFINITY];
  }
}

const retryMs = 100;
