import type { ReplicaId } from '../arbiter/generation-record.js';
import { FailureDetector } from './failure-detector.js';
import { LifeSignPace } from './life-sign-pace.js';
import type { RoleEffect } from './role-effect.js';

/**
 * A backup's watch over its primary: life signs both ways, and what is asked once the channel is down.
 *
 * Shape:  told what happens, answers effects; that its primary is dead is a suspicion (FT paper §2.3), and
 *         what follows from it is the backup's business.
 */
export class PrimaryWatch {
  readonly #pace: LifeSignPace;
  readonly #detector: FailureDetector;
  #replica: ReplicaId | null = null;
  #heartbeatTo: string | null = null;
  #isOpen = false;
  #isDown = false;
  #downAtMs = 0;
  #isProbeDue = false;
  #askAtMs = Number.POSITIVE_INFINITY;
  #asked = 0;
  #heartbeatAtMs = Number.NEGATIVE_INFINITY;
  #sentAtMs: number;

  constructor(failureTimeoutMs: number, nowMs: number) {
    this.#pace = new LifeSignPace(failureTimeoutMs);
    this.#detector = new FailureDetector(failureTimeoutMs, nowMs);
    this.#sentAtMs = nowMs;
  }

  opened(nowMs: number): void {
    this.#isOpen = true;
    this.heard(nowMs);
  }
  /** On the channel; or it could not have been. */
  heard(nowMs: number): void {
    this.#detector.heardOnChannel(nowMs);
  }
  welcomedBy(replica: ReplicaId, heartbeatTo: string): void {
    this.#replica = replica;
    this.#heartbeatTo = heartbeatTo;
  }
  heartbeat(from: ReplicaId, nowMs: number): void {
    if (from === this.#replica) this.#detector.heardHeartbeat(nowMs);
  }
  sent(nowMs: number): void {
    this.#sentAtMs = nowMs;
  }

  /** The channel is down, whatever that means for the primary. */
  ended(): void {
    this.#isDown = true;
  }
  /** A dead process refuses at once: no need to wait for its silence. */
  ask(nowMs: number): RoleEffect[] {
    this.#downAtMs = nowMs;
    this.#askAtMs = nowMs + askMs;
    return [{ kind: 'probePrimary' }];
  }
  /**
   * Whether the answer says that it is dead. A process that is being killed closes its link a moment
   * before its port: it is asked again.
   */
  isGone(outcome: 'gone' | 'live' | 'silent', nowMs: number): boolean {
    if (!this.#isDown) return false;
    if (outcome === 'gone') return true;
    if (nowMs - this.#downAtMs < dyingMs) this.#isProbeDue = true;
    return false;
  }

  /** How long connecting may take is the link's business. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  lifeSigns(nowMs: number): RoleEffect[] {
    const everyMs = this.#pace.heartbeatEveryMs(this.isQuiet(nowMs));
    if (!this.#heartbeatTo || nowMs - this.#heartbeatAtMs < everyMs) return [];
    this.#heartbeatAtMs = nowMs;
    return [{ kind: 'sendHeartbeat', to: this.#heartbeatTo }];
  }
  isKeepAliveDue(nowMs: number): boolean {
    return nowMs - this.#sentAtMs >= this.#pace.keepAliveEveryMs(this.isQuiet(nowMs));
  }

  questions(nowMs: number): RoleEffect[] {
    const effects: RoleEffect[] = [];
    if (this.#isProbeDue) {
      this.#isProbeDue = false;
      effects.push({ kind: 'probePrimary' });
    }
    if (this.#isDown && nowMs >= this.#askAtMs) {
      this.#askAtMs = nowMs + askMs;
      this.#asked += 1;
      effects.push({ kind: 'probePrimary' }, { kind: 'readGenerations', asked: this.#asked });
    }
    return effects;
  }

  /** The channel is up, and has not been silent for longer than a late heartbeat or two. */
  isQuiet(nowMs: number): boolean {
    const isUp = this.#isOpen && !this.#isDown;
    return isUp && this.#detector.channelSilentMs(nowMs) <= this.#pace.quietMsMax;
  }

  /** To be asked often. */
  suspects(nowMs: number): boolean {
    return this.#detector.suspects(nowMs);
  }
}

const askMs = 100;
const dyingMs = 200;
