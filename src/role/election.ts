import type { GenerationRecord, Member, ReplicaId } from '../arbiter/generation-record.js';
import type { Seat } from '../arbiter/seat.js';
import type { SeatAnswer } from '../arbiter/seat.js';
import type { Epoch, Generation } from '../units.js';
import { votesNeeded } from './quorum.js';
import type { RoleEffect } from './role-effect.js';

/** Who asks, and what it has. */
export interface Candidate {
  readonly replica: ReplicaId;
  /** The primary it has left, and its seat there. */
  readonly primary: ReplicaId;
  readonly seat: Seat;
  readonly received: Epoch;
}

/**
 * May a member that has left its primary go live? With `--commit quorum` it has to know of so many
 * others that they have left, too, with no more of the log than it has, that whatever output has left
 * is in one of their logs, and so in its own.
 *
 * ```
 * reading ─────────▶ asking ──────────────────▶ won: claim the next generation
 *  who are the        have you left your         │
 *  members?           primary, and with what?    └▶ hopeless: too few are left to know
 * ```
 * Shape:  a vote is a fact about another member and stays true: it has left its primary for good. So
 *         nobody promises anything, and two may win: the claim decides.
 * Errors: none. What the storage or a member does not answer is asked again.
 */
export class Election {
  readonly #self: Candidate;
  readonly #beganAtMs: number;
  #record: GenerationRecord | null = null;
  readonly #received = new Map<Seat, Epoch>();
  readonly #gone = new Set<Seat>();
  readonly #askAtMs = new Map<ReplicaId, number>();
  #readAtMs = 0;
  #asked = 0;
  #hasTold = false;

  constructor(self: Candidate, nowMs: number) {
    this.#self = self;
    this.#beganAtMs = nowMs;
  }

  /** What the storage says; false if it names members, and we are none of them. */
  read(latest: GenerationRecord): boolean {
    if (this.#record && latest.generation < this.#record.generation) return true;
    this.#record = latest;
    const { replica, primary, seat } = this.#self;
    return (
      latest.holder.replica === primary &&
      this.#members.some((member) => member.identity.replica === replica && member.seat === seat)
    );
  }

  answered(replica: ReplicaId, answer: SeatAnswer, nowMs: number): void {
    this.#askAtMs.set(replica, nowMs + askMs);
    const member = this.#members.find(({ identity }) => identity.replica === replica);
    if (!member || answer === 'silent') return;
    // Whoever has another seat has given this one up, and the log that went with it.
    if (answer === 'none' || answer === 'gone' || answer.seat !== member.seat) {
      this.#gone.add(member.seat);
    } else if (answer.hasLeft) {
      this.#received.set(member.seat, answer.received);
    }
  }

  tick(nowMs: number): RoleEffect[] {
    const effects: RoleEffect[] = [];
    if (nowMs >= this.#readAtMs) {
      this.#readAtMs = nowMs + readMs;
      this.#asked += 1;
      effects.push({ kind: 'readGenerations', asked: this.#asked });
    }
    for (const { identity } of this.#missing) {
      if (nowMs < (this.#askAtMs.get(identity.replica) ?? 0)) continue;
      // Until it has answered; the host gives up waiting for it after a while, and says so.
      this.#askAtMs.set(identity.replica, Number.POSITIVE_INFINITY);
      effects.push({ kind: 'askMember', member: identity });
    }
    return [...effects, ...this.#tell(nowMs)];
  }

  /** The newest that it knows of. */
  get generation(): Generation {
    return this.#record?.generation ?? 0;
  }
  /** The generation in which we may claim the next one; null if we may not. */
  get wonIn(): Generation | null {
    return this.#record && this.#votes >= this.#needed ? this.#record.generation : null;
  }

  /** So many members are gone that nobody can know any more what has left. */
  get isHopeless(): boolean {
    if (!this.#record) return false;
    const lost = this.#missing.filter(({ seat }) => this.#gone.has(seat));
    return this.#members.length - lost.length < this.#needed;
  }

  get #members(): readonly Member[] {
    return this.#record?.quorum?.members ?? [];
  }
  get #needed(): number {
    return this.#record?.quorum ? votesNeeded(this.#record.quorum) : Number.POSITIVE_INFINITY;
  }
  get #votes(): number {
    return this.#members.length - this.#missing.length;
  }
  /** Those that have not left, or with more than we have: one of these should go live instead. */
  get #missing(): readonly Member[] {
    const { replica, received } = this.#self;
    return this.#members.filter(
      ({ identity, seat }) =>
        identity.replica !== replica && !((this.#received.get(seat) ?? Infinity) <= received),
    );
  }

  #tell(nowMs: number): RoleEffect[] {
    if (this.#hasTold || !this.#record || nowMs - this.#beganAtMs < tellMs) return [];
    this.#hasTold = true;
    const missing = this.#missing.map(({ identity }) => identity);
    const [votes, needed] = [this.#votes, this.#needed];
    return [{ kind: 'report', report: { kind: 'waitingForMembers', votes, needed, missing } }];
  }
}

// Five ticks: what a member takes to notice by itself is more.
const askMs = 25;
const readMs = 100;
const tellMs = 2000;
