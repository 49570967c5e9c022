import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { Records, WireMessage } from '../channel/wire-message.js';
import type { GuestEnd } from '../guest/guest-end.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { Epoch, Generation } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import { LOG_PARTED } from './admission.js';
import { ArrivingState } from './arriving-state.js';
import { BackupJournal } from './backup-journal.js';
import { DivergedError } from './diverged-error.js';
import type { BackupPhase, BackupStatus } from './backup-status.js';
import { FollowedDisk } from './followed-disk.js';
import { FollowedPrimary } from './followed-primary.js';
import { PrimaryChannel } from './primary-channel.js';
import { PrimaryWatch } from './primary-watch.js';
import { ReplayedGuest } from './replayed-guest.js';
import { SnapshotHold } from './snapshot-hold.js';
import type { KeptGuest } from './standing.js';
import type { RoleEffect, RoleEnd, RoleReport } from './role-effect.js';
import type { PeerId, RoleInput } from './role-input.js';
import type { RoleSettings } from './role-settings.js';
import { TakingOver, type TakeOverVerdict } from './taking-over.js';

/**
 * A replica that follows: takes the primary's state, replays its records, and goes live if it may.
 *
 * ```
 * greeting ─▶ receiving ─▶ replaying ─▶ settling ─▶ claiming ─▶ goingLive ─▶ (a Primary)
 *  hello       the state    records      a disk of    the          to the end
 *                           and acks     our own      test-and-set of the log
 *                                           └─▶ electing ─▲  with `--commit quorum`: election.ts
 *                 │             │            │
 *                 ▼             ▼            ▼
 *              rejoin: lost the primary before it was in sync, diverged, or lost the claim
 * ```
 * Shape:  `step` takes an input and the time and returns effects, in order.
 * Errors: `DivergedError` where a wrong machine would have gone live; all else ends in an effect.
 * Source: FT paper §2.3 (going live), §3.2 (acks on receipt), §3.4 (pending disk operations).
 */
export class Backup {
  readonly #settings: RoleSettings;
  readonly #watch: PrimaryWatch;
  readonly #channel: PrimaryChannel;
  readonly #primary: FollowedPrimary;
  #phase: BackupPhase = 'greeting';
  #isInSync = false;
  /** It went on from there with the log of this primary. */
  #rejoinedAt: Epoch | null = null;
  readonly #state: ArrivingState;
  #guest: ReplayedGuest | null = null;
  readonly #disk: FollowedDisk;
  /** The generation is ours, and the vCPU has not been told: a record waits for our disk. */
  #isGoLiveDue = false;
  readonly #journal: BackupJournal;
  readonly #snapshots: SnapshotHold;
  /** Output of epochs up to here has left the primary. */
  #released: Epoch = 0;
  #goodbye: GuestEnd | null = null;
  #lostAtMs = 0;
  readonly #takingOver: TakingOver;

  /** `kept`: it has a machine already, which may be the primary's of an earlier moment. */
  constructor(settings: RoleSettings, peer: PeerId, nowMs: number, kept: KeptGuest | null = null) {
    this.#settings = settings;
    this.#state = new ArrivingState(settings.self.machine);
    this.#takingOver = new TakingOver(settings.self.identity.replica);
    this.#watch = new PrimaryWatch(settings.failureTimeoutMs, nowMs);
    this.#guest = kept?.guest ?? null;
    this.#primary = new FollowedPrimary(settings.redundancy, kept?.last ?? null);
    this.#lostAtMs = kept?.lostAtMs ?? 0;
    this.#journal = kept?.journal ?? new BackupJournal(settings.journal);
    this.#snapshots = kept?.snapshots ?? new SnapshotHold();
    this.#disk = new FollowedDisk(settings.ownDisk, (message) => {
      return { kind: 'send', peer, message };
    });
    const parts = { watch: this.#watch, journal: this.#journal, disk: this.#disk };
    this.#channel = new PrimaryChannel(settings, peer, parts);
  }

  /** Instead of following: a generation that was claimed before its primary died names its last seat. */
  elect(last: BackupStatus, nowMs: number): RoleEffect[] {
    this.#primary.remembered(last);
    this.#lostAtMs ||= nowMs;
    return this.#callElection(nowMs);
  }

  step(input: RoleInput, nowMs: number): RoleEffect[] {
    if (this.#phase === 'over') return [];
    const effects = this.#take(input, nowMs);
    return [...effects, ...this.#journal.replayed(effects)];
  }

  /** Time alone brings about nothing but what follows a silence that has not begun. */
  isQuiet(nowMs: number): boolean {
    const isFollowing = this.#phase === 'replaying' && !this.#goodbye && this.#watch.isQuiet(nowMs);
    return isFollowing && this.#guest !== null && this.#channel.isQuiet(this.#guest);
  }

  #take(input: RoleInput, nowMs: number): RoleEffect[] {
    switch (input.kind) {
      case 'peerOpened':
        if (input.peer !== this.#channel.peer) return [];
        this.#watch.opened(nowMs);
        if (this.#guest && !this.#guest.stand) return this.#rejoin('its guest has crashed');
        return [this.#channel.hello(this.#guest?.stand ?? null, nowMs)];
      case 'peerMessage':
        // Others may connect to us; what they say is none of our primary's words.
        if (input.peer !== this.#channel.peer) return [{ kind: 'closePeer', peer: input.peer }];
        this.#watch.heard(nowMs);
        return this.#message(input.message, nowMs);
      case 'peerEnded':
        return input.peer === this.#channel.peer ? this.#channelDown(input.why, nowMs) : [];
      case 'heartbeat':
        this.#watch.heartbeat(input.from, nowMs);
        return [];
      case 'lastWill':
        return input.of === this.#primary.identity?.replica
          ? this.#suspect('its process has died', nowMs)
          : [];
      case 'probed':
        return this.#watch.isGone(input.outcome, nowMs)
          ? this.#suspect('its process is gone', nowMs)
          : [];
      case 'vcpu':
        return this.#guest ? this.#vcpuEvent(this.#guest, input.event, nowMs) : [];
      case 'claimAnswered':
        return this.#claimAnswered(input, nowMs);
      case 'generationsRead': {
        const { latest } = input;
        if (latest === 'unreachable') return [];
        if (this.#phase === 'electing') return this.#membersRead(latest, nowMs);
        if (this.#phase !== 'replaying' || this.#goodbye) return [];
        if (latest.generation <= this.#takingOver.generation || this.#isAmong(latest.inSync))
          return [];
        if (this.#isAmong([latest.holder.replica])) return [];
        return this.#part(`generation ${latest.generation} began without this backup`);
      }
      case 'memberAnswered':
        this.#takingOver.memberAnswered(input.replica, input.answer, nowMs);
        return this.#phase === 'electing' ? this.#elect(nowMs) : [];
      case 'tick':
        return this.#tick(nowMs);
      case 'leave':
        return [
          this.#channel.send({ kind: 'goodbye', end: { kind: 'leaving' } }, nowMs),
          ...this.#end({ kind: 'left' }),
        ];
      case 'diskFinished':
        return [
          ...this.#disk.finished(input),
          ...this.#claimIfSettled(nowMs),
          ...this.#goLiveIfDue(),
          ...this.#endIfDone(),
        ];
      case 'diskDigested':
        return this.#phase === 'replaying' ? this.#disk.digested(input, this.#guest?.ran ?? 0) : [];
      case 'journalDurable':
        this.#journal.durable = input.epoch;
        // It may be what a write to the disk waits for, or our going live.
        if (this.#guest && this.#phase === 'replaying') {
          return [this.#channel.ack(this.#guest, nowMs)];
        }
        return [...this.#goLiveIfDue(), ...this.#endIfDone()];
      case 'handOver':
      case 'guestEvent':
      case 'diskCompared':
      case 'journalRead':
        return [];
    }
  }

  // --- what the primary says -----------------------------------------------------------------

  #message(message: WireMessage, nowMs: number): RoleEffect[] {
    if (message.kind === 'keepAlive') return [];
    switch (this.#phase) {
      case 'greeting':
        return this.#greeted(message, nowMs);
      case 'receiving':
        return this.#receiving(message, nowMs);
      case 'replaying':
        return this.#replaying(message, nowMs);
      case 'settling':
      case 'electing':
      case 'claiming':
      case 'goingLive':
      case 'over':
        // Whatever it is, it comes too late: we do not follow any more, and acknowledge nothing.
        return [];
    }
  }

  #greeted(message: WireMessage, nowMs: number): RoleEffect[] {
    if (message.kind === 'refusal') {
      const end = { kind: 'refused', refusal: message } as const;
      return message.code === LOG_PARTED ? this.#end(end) : this.#stand(end);
    }
    if (message.kind !== 'welcome') return this.#violation(`${message.kind} before a welcome`);
    const { identity, heartbeatTo, willWord, generation } = message;
    this.#primary.welcomed(message);
    this.#lostAtMs = 0;
    this.#watch.welcomedBy(identity.replica, heartbeatTo);
    this.#takingOver.follow(generation);
    const { replica } = identity;
    const welcomed: RoleEffect[] = [
      report({ kind: 'welcomed', replica, generation }),
      { kind: 'addWill', to: heartbeatTo, word: willWord },
    ];
    if (!this.#guest) {
      this.#phase = 'receiving';
      return welcomed;
    }
    this.#guest.follows(message.lineage);
    this.#phase = 'replaying';
    this.#rejoinedAt = this.#guest.received;
    const rejoined = { kind: 'rejoined', replica, generation, epoch: this.#rejoinedAt } as const;
    return [...welcomed, ...this.#namable(this.#guest, nowMs), report(rejoined)];
  }

  #receiving(message: WireMessage, nowMs: number): RoleEffect[] {
    if (message.kind === 'goodbye') return this.#goodbyeSaid(message.end, nowMs);
    const arrival = this.#state.take(message, nowMs);
    switch (arrival.kind) {
      case 'begun':
        return [];
      case 'grown':
        return [
          this.#channel.send({ kind: 'stateAck', receivedBytes: arrival.receivedBytes }, nowMs),
        ];
      case 'complete':
        return this.#stateReceived(arrival.snapshot, nowMs);
      case 'wrong':
        return this.#violation(arrival.why);
    }
  }

  #stateReceived(snapshot: Snapshot, nowMs: number): RoleEffect[] {
    const { epoch } = snapshot;
    const past = { lineage: this.#primary.lineage, records: [], after: null };
    const guest = new ReplayedGuest(snapshot, this.#settings.logBufferBytesMax, past);
    this.#guest = guest;
    this.#channel.begin(guest);
    this.#phase = 'replaying';
    return [
      ...this.#namable(guest, nowMs),
      { kind: 'startVcpu', snapshot },
      ...this.#journal.tell({ kind: 'begin', snapshot }),
      report({ kind: 'stateReceived', epoch, bytes: snapshot.state.byteLength }),
      ...this.#disk.begin(snapshot.lastRequestId),
    ];
  }

  /** A generation may name us from here on, before the first record. */
  #namable(guest: ReplayedGuest, nowMs: number): RoleEffect[] {
    return this.#primary.namesMembers ? [this.#channel.ack(guest, nowMs)] : [];
  }

  #replaying(message: WireMessage, nowMs: number): RoleEffect[] {
    if (message.kind === 'records') return this.#records(message, nowMs);
    if (message.kind === 'inSync') return this.#inSync(message.generation);
    if (message.kind === 'handOver') return this.#claimAhead();
    if (message.kind === 'diskAnswer') {
      return this.#disk.answered(message) ?? this.#violation('an answer about its disk, unasked');
    }
    if (message.kind === 'goodbye') return this.#goodbyeSaid(message.end, nowMs);
    return this.#violation(`${message.kind} while its records are replayed`);
  }

  #inSync(generation: Generation): RoleEffect[] {
    const before = this.#takingOver.generation;
    if (generation < before) return this.#violation(`generation ${generation} after ${before}`);
    this.#takingOver.follow(generation);
    const effects = this.#journal.tell({ kind: 'member', generation });
    if (this.#isInSync) return effects;
    this.#isInSync = true;
    return [...effects, report({ kind: 'inSync', generation })];
  }

  #records(message: Records, nowMs: number): RoleEffect[] {
    const guest = this.#guest;
    if (!guest) return this.#violation('records before its state');
    const wrong = guest.receive(message);
    if (wrong) return this.#violation(wrong);
    this.#released = message.released;
    const acks = this.#channel.received(message, guest, nowMs);
    const effects = [...acks, ...this.#disk.records(message.records)];
    effects.push(...this.#snapshots.release(message.released));
    effects.push(...this.#divergedAtDisk(guest, nowMs));
    return [...effects, ...this.#channel.pauseIfFull(guest)];
  }

  #goodbyeSaid(end: GuestEnd | { readonly kind: 'leaving' }, nowMs: number): RoleEffect[] {
    if (end.kind === 'leaving') {
      this.#takingOver.primaryLeft();
      return this.#suspect('it is leaving', nowMs);
    }
    this.#goodbye = end;
    return this.#endIfDone();
  }

  // --- what the vCPU says --------------------------------------------------------------------

  #vcpuEvent(guest: ReplayedGuest, event: VcpuEvent, nowMs: number): RoleEffect[] {
    switch (event.kind) {
      case 'ran':
        return [
          ...guest.epochRan(event),
          ...(this.#phase === 'replaying' ? this.#channel.ran(guest, nowMs) : []),
          ...this.#disk.ran(event.outputs),
          ...this.#claimIfSettled(nowMs),
          ...this.#journal.ran(event),
          ...this.#goLiveIfDue(),
          ...this.#channel.readOn(guest, nowMs),
          ...this.#endIfDone(),
          ...this.#divergedAtDisk(guest, nowMs),
        ];
      case 'crashed':
        guest.crashed(event);
        return [
          ...this.#claimIfSettled(nowMs),
          ...this.#channel.readOn(guest, nowMs),
          ...this.#endIfDone(),
        ];
      case 'diverged':
        return this.#diverged(event.epoch, event.difference, nowMs);
      case 'wentLive': {
        if (this.#phase !== 'goingLive') return [];
        const sinceLostMs = nowMs - this.#lostAtMs;
        return [
          report({ kind: 'wentLive', epoch: event.lastEpoch, sinceLostMs }),
          ...this.#becomePrimary(guest),
        ];
      }
      case 'cutTaken':
        if (this.#journal.isKept) this.#snapshots.hold(event.snapshot);
        return this.#snapshots.release(this.#released);
      case 'recorded':
      case 'rested':
        return [];
    }
  }

  /**
   * The guest is over here. If the primary said so too, that is all; if it died meanwhile, the
   * generation is ours to end, with whatever the guest had pending.
   */
  #endIfDone(): RoleEffect[] {
    const guest = this.#guest;
    if (this.#phase === 'goingLive' && guest?.end) {
      return this.#journal.hasAllOf(guest) ? this.#becomePrimary(guest) : [];
    }
    if (!this.#goodbye || this.#phase === 'claiming') return [];
    if (guest && guest.ran < Math.min(this.#goodbye.epoch, guest.received)) return [];
    // The next start may be from our copy of the disk.
    if (this.#disk.hasWrites) return [];
    return [...this.#journal.tell({ kind: 'ended' }), ...this.#end(this.#goodbye)];
  }

  /** No digest would tell: the record that has it waits for that read. */
  #divergedAtDisk({ ran }: ReplayedGuest, nowMs: number): RoleEffect[] {
    const id = this.#phase === 'over' ? null : this.#disk.unissued(ran);
    return id === null ? [] : this.#diverged(ran, `disk read ${id} was not issued`, nowMs);
  }

  #diverged(epoch: Epoch, difference: string, nowMs: number): RoleEffect[] {
    if (this.#phase === 'goingLive') throw new DivergedError(epoch, difference);
    if (this.#phase === 'claiming') {
      this.#takingOver.diverged(new DivergedError(epoch, difference));
      return [];
    }
    const isWelcome = this.#phase !== 'greeting';
    return [
      ...(isWelcome ? [this.#channel.send({ kind: 'diverged', epoch, difference }, nowMs)] : []),
      ...this.#rejoin(`diverged from its primary at epoch ${epoch}: ${difference}`, true),
    ];
  }

  // --- losing the primary --------------------------------------------------------------------

  #channelDown(why: string, nowMs: number): RoleEffect[] {
    this.#watch.ended();
    if (this.#goodbye || this.#isTakingOver) return [];
    if (!this.#mayBeMember) return this.#part(`${tooEarly}: ${why}`);
    return this.#watch.ask(nowMs);
  }

  #suspect(why: string, nowMs: number): RoleEffect[] {
    // After its goodbye a primary is gone, and so is the guest: nothing to take over.
    if (this.#goodbye || this.#isTakingOver) return [];
    if (!this.#mayBeMember) return this.#part(`${tooEarly}: ${why}`);
    this.#lostAtMs = nowMs;
    this.#phase = 'settling';
    return [
      report({ kind: 'primaryLost', why }),
      this.#channel.close(),
      ...this.#claimIfSettled(nowMs),
    ];
  }

  /** Where a generation names its members, it is that which counts, and not what we have been told. */
  get #mayBeMember(): boolean {
    return this.#isInSync || (this.#primary.namesMembers && this.#phase === 'replaying');
  }

  /**
   * A claim names our copy of the disk as the VM's: first it must be. Until then it is the old
   * primary's copy that a start after our own death has to be from.
   */
  #claimIfSettled(nowMs: number): RoleEffect[] {
    if (this.#phase !== 'settling' || !this.#guest) return [];
    const { ran, received, end } = this.#guest;
    const isBehind = this.#disk.isCopy && ran < received && !end;
    if (isBehind || !this.#disk.isCurrent) return [];
    if (this.#primary.namesMembers) return this.#callElection(nowMs);
    return this.#judged(this.#takingOver.claim());
  }

  #claimAhead(): RoleEffect[] {
    const primary = this.#primary.identity;
    if (!this.#isInSync || !primary) return this.#violation('a hand-over to one not in sync');
    return this.#takingOver.claimAhead(primary);
  }

  #callElection(nowMs: number): RoleEffect[] {
    const primary = this.#primary.identity?.replica ?? '';
    const [seat, received] = [this.#primary.seat ?? '', this.#guest?.received ?? 0];
    return this.#judged(this.#takingOver.callElection({ primary, seat, received }, nowMs));
  }
  #membersRead(latest: GenerationRecord, nowMs: number): RoleEffect[] {
    const without = this.#takingOver.membersRead(latest);
    if (without) return this.#judged(without);
    this.#isInSync = true;
    return this.#elect(nowMs);
  }
  #elect(nowMs: number): RoleEffect[] {
    return this.#judged(this.#takingOver.elect(nowMs));
  }

  get #isTakingOver(): boolean {
    return ['settling', 'electing', 'claiming', 'goingLive'].includes(this.#phase);
  }

  #claimAnswered(
    { generation, outcome }: Extract<RoleInput, { kind: 'claimAnswered' }>,
    nowMs: number,
  ): RoleEffect[] {
    if (generation !== this.#takingOver.generation + 1) return [];
    if (this.#phase === 'replaying') {
      const isReserved = this.#takingOver.answeredAhead(outcome, nowMs);
      return isReserved ? [this.#channel.send({ kind: 'ready' }, nowMs)] : [];
    }
    return this.#phase === 'claiming'
      ? this.#judged(this.#takingOver.answered(outcome, nowMs))
      : [];
  }

  #judged(verdict: TakeOverVerdict | null): RoleEffect[] {
    switch (verdict?.kind) {
      case undefined:
        return [];
      case 'electing':
      case 'claiming':
        this.#phase = verdict.kind;
        return verdict.effects;
      case 'won': {
        this.#phase = 'goingLive';
        const { generation } = this.#takingOver;
        return [
          report({ kind: 'generationClaimed', generation }),
          ...(this.#guest?.end ? this.#endIfDone() : this.#goLive()),
        ];
      }
      case 'lost':
        return this.#stand({ kind: 'lostClaim', holder: verdict.holder });
      case 'parted':
        return this.#part(verdict.why);
    }
  }

  /** To the end of the log first, which may have to wait for reads of our own. */
  #goLive(): RoleEffect[] {
    this.#isGoLiveDue = true;
    return this.#goLiveIfDue();
  }
  #goLiveIfDue(): RoleEffect[] {
    if (!this.#isGoLiveDue || !this.#disk.isDrained) return [];
    if (!this.#guest || !this.#journal.hasAllOf(this.#guest)) return [];
    this.#isGoLiveDue = false;
    return [{ kind: 'vcpu', command: { kind: 'goLive' } }];
  }

  #isAmong(inSync: readonly string[]): boolean {
    return inSync.includes(this.#settings.self.identity.replica);
  }

  #becomePrimary(guest: ReplayedGuest): RoleEffect[] {
    this.#phase = 'over';
    const { generation, isAhead } = this.#takingOver;
    const known = guest.primaryStart(generation, this.#primary.redundancy, this.#disk.inHand);
    return [{ kind: 'becomePrimary', start: { ...known, isClaimedAhead: isAhead } }];
  }

  // --- ends ----------------------------------------------------------------------------------

  #violation(what: string): RoleEffect[] {
    return [this.#channel.close(), ...this.#rejoin(`the primary broke the protocol: ${what}`)];
  }

  #rejoin(why: string, hasDiverged = false): RoleEffect[] {
    return this.#end({ kind: 'rejoin', why, hasDiverged });
  }

  #part(why: string): RoleEffect[] {
    return this.#stand({ kind: 'rejoin', why, hasDiverged: false });
  }

  /**
   * Over as a backup of this primary, with a machine that the log of whoever is live may go on from. A
   * disk that it reads or keeps for itself is not as simple: nobody waits with a write until it has read.
   */
  #stand(end: RoleEnd): RoleEffect[] {
    const guest = this.#guest;
    if (!guest?.stand || this.#settings.ownDisk) return this.#end(end);
    const last = (this.#phase === 'greeting' && this.#primary.before) || this.status();
    this.#phase = 'over';
    const [snapshots, journal] = [this.#snapshots, this.#journal];
    const kept = { guest, snapshots, journal, last, lostAtMs: this.#lostAtMs };
    return [{ kind: 'stand', end, kept }];
  }

  #end(end: RoleEnd): RoleEffect[] {
    this.#phase = 'over';
    return [{ kind: 'end', end }];
  }

  // --- time ----------------------------------------------------------------------------------

  #tick(nowMs: number): RoleEffect[] {
    const said = this.#state.tick(nowMs).map(report);
    return [...said, ...this.#disk.tick(nowMs), ...this.#keepInTouch(nowMs)];
  }

  #keepInTouch(nowMs: number): RoleEffect[] {
    if (this.#phase === 'settling') return this.#claimIfSettled(nowMs);
    if (this.#phase === 'electing') return this.#elect(nowMs);
    if (this.#phase === 'claiming') return this.#takingOver.retry(nowMs);
    if (this.#phase === 'goingLive' || !this.#watch.isOpen) return [];
    const effects = this.#watch.lifeSigns(nowMs);
    effects.push(...this.#takingOver.retry(nowMs));
    const guest = this.#phase === 'replaying' ? this.#guest : null;
    effects.push(...this.#channel.tick(guest, this.#phase !== 'greeting', nowMs));
    const isSilent = this.#watch.suspects(nowMs);
    return isSilent
      ? [...effects, ...this.#suspect('it has been silent too long', nowMs)]
      : effects;
  }

  status(): BackupStatus {
    const received = this.#guest?.received ?? 0;
    return {
      phase: this.#phase,
      stateProgress: this.#state.progress,
      diskProgress: this.#disk.progress,
      rejoinedAt: this.#rejoinedAt,
      generation: this.#takingOver.generation,
      ...this.#primary.status(received, this.#isTakingOver),
      inSync: this.#isInSync,
      received,
      ran: this.#guest?.ran ?? 0,
      isPaused: this.#guest?.isPaused ?? false,
      logBufferBytes: this.#guest?.log.levelBytes ?? 0,
    };
  }
}

const tooEarly = 'lost the primary before it was in sync';

function report(what: RoleReport): RoleEffect {
  return { kind: 'report', report: what };
}
