import { PROTOCOL_VERSION, type Records, type WireMessage } from '../channel/wire-message.js';
import type { Stand } from '../log/log-history.js';
import type { BackupJournal } from './backup-journal.js';
import type { FollowedDisk } from './followed-disk.js';
import { Intake } from './intake.js';
import { OwedAck } from './owed-ack.js';
import type { PrimaryWatch } from './primary-watch.js';
import type { ReplayedGuest } from './replayed-guest.js';
import type { RoleEffect } from './role-effect.js';
import type { PeerId } from './role-input.js';
import type { RoleSettings } from './role-settings.js';

/**
 * A backup's end of the logging channel: what it says to its primary and when, and whether it reads.
 *
 * Shape:  told what happens, answers effects; whether it still follows is the backup's business.
 * Source: FT paper §3.2 (acks on receipt).
 */
export class PrimaryChannel {
  readonly peer: PeerId;
  readonly #settings: RoleSettings;
  readonly #watch: PrimaryWatch;
  readonly #journal: BackupJournal;
  readonly #intake: Intake;
  readonly #acks = new OwedAck();

  constructor(
    settings: RoleSettings,
    peer: PeerId,
    parts: {
      readonly watch: PrimaryWatch;
      readonly journal: BackupJournal;
      readonly disk: FollowedDisk;
    },
  ) {
    this.peer = peer;
    this.#settings = settings;
    this.#watch = parts.watch;
    this.#journal = parts.journal;
    this.#intake = new Intake(peer, parts.disk);
  }

  /** Nothing of that guest is owed. */
  isQuiet(guest: ReplayedGuest): boolean {
    return !this.#acks.isDue(guest);
  }

  send(message: WireMessage, nowMs: number): RoleEffect {
    this.#watch.sent(nowMs);
    return { kind: 'send', peer: this.peer, message };
  }
  close(): RoleEffect {
    return { kind: 'closePeer', peer: this.peer };
  }

  /** `stand`: of the machine it has already. */
  hello(stand: Stand | null, nowMs: number): RoleEffect {
    const { vm, identity, build, machine } = this.#settings.self;
    const { heartbeatTo, willWord, journal } = this.#settings;
    const [protocol, keepsJournal] = [PROTOCOL_VERSION, journal !== undefined];
    const self = { vm, identity, heartbeatTo, willWord, build, machine, keepsJournal };
    return this.send({ kind: 'hello', protocol, ...self, stand }, nowMs);
  }

  /** The primary knows that it has the state, and has run no further. */
  begin({ ran }: ReplayedGuest): void {
    this.#acks.sent(ran);
  }

  ack({ received, ran }: ReplayedGuest, nowMs: number): RoleEffect {
    this.#acks.sent(ran);
    const durable = this.#journal.acked(received);
    return this.send({ kind: 'ack', received, ran, durable }, nowMs);
  }

  /** Records have come. */
  received({ isAwaited }: Records, guest: ReplayedGuest, nowMs: number): RoleEffect[] {
    return this.#acks.received(isAwaited) ? [this.ack(guest, nowMs)] : [];
  }
  /** They have run. */
  ran(guest: ReplayedGuest, nowMs: number): RoleEffect[] {
    return this.#acks.isDueAfterRun(guest) ? [this.ack(guest, nowMs)] : [];
  }

  /** Reads no more while the log is full. */
  pauseIfFull(guest: ReplayedGuest): RoleEffect[] {
    return this.#intake.received(guest);
  }
  /** While it did not read, silence was its own. */
  readOn(guest: ReplayedGuest, nowMs: number): RoleEffect[] {
    const effects = this.#intake.ran(guest);
    if (effects.length > 0) this.#watch.heard(nowMs);
    return effects;
  }

  /** What time brings about; `guest` is the one whose records it acknowledges. */
  tick(guest: ReplayedGuest | null, isWelcome: boolean, nowMs: number): RoleEffect[] {
    const effects = guest && this.#acks.isDue(guest) ? [this.ack(guest, nowMs)] : [];
    if (this.#watch.isKeepAliveDue(nowMs) && isWelcome) {
      effects.push(this.send({ kind: 'keepAlive' }, nowMs));
    }
    effects.push(...this.#watch.questions(nowMs));
    if (this.#intake.isPaused) this.#watch.heard(nowMs);
    return effects;
  }
}
