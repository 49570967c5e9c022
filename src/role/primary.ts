import type { WireMessage } from '../channel/wire-message.js';
import type { DiskRequest } from '../guest/disk-request.js';
import { LogHistory, retainedBytesMax } from '../log/log-history.js';
import type { Epoch } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import { AllMembership } from './all-membership.js';
import { BackupDesk } from './backup-desk.js';
import { BackupDisks } from './backup-disks.js';
import { BackupSet } from './backup-set.js';
import type { BackupView } from './backup-view.js';
import { Departure } from './departure.js';
import { GenerationGuard } from './generation-guard.js';
import { GuestOutlet } from './guest-outlet.js';
import { GuestPause } from './guest-pause.js';
import { Journals } from './journals.js';
import { LogSender } from './log-sender.js';
import { backupStatusRow, type PrimaryStatus } from './primary-status.js';
import type { PrimaryStart, RoleEffect, RoleReport, VcpuCommand } from './role-effect.js';
import type { Membership } from './membership.js';
import { QuorumMembership } from './quorum-membership.js';
import type { Redundancy } from './redundancy.js';
import type { PeerId, RoleInput } from './role-input.js';
import type { RoleSettings } from './role-settings.js';
import { SlowBackups } from './slow-backups.js';
import { SnapshotHold } from './snapshot-hold.js';
import { VcpuPace } from './vcpu-pace.js';

/**
 * The live replica: sends the log, holds output until it is acknowledged, takes in backups.
 *
 * Shape:  `step` takes an input and the time and returns effects, in order; nothing else happens.
 * Errors: none for what a peer does: a peer that breaks the protocol is lost like one that dies.
 * Source: FT paper §2.2 (Output Rule), §2.3 (responding to failure), §3.1 (starting), §3.2 (log).
 */
export class Primary {
  readonly #settings: RoleSettings;
  readonly #backups = new BackupSet();
  readonly #log: LogSender;
  readonly #history: LogHistory;
  readonly #outlet: GuestOutlet;
  readonly #disks: BackupDisks;
  readonly #journals: Journals;
  readonly #snapshots = new SnapshotHold();
  readonly #pace: VcpuPace;
  readonly #guard: GenerationGuard;
  readonly #membership: Membership;
  readonly #slow: SlowBackups;
  readonly #redundancy: Redundancy;
  #ran: Epoch;
  readonly #desk: BackupDesk;
  #steppedAtMs: number;
  readonly #departure: Departure;
  #isOver = false;
  readonly #guestPause: GuestPause;

  constructor(settings: RoleSettings, start: PrimaryStart, nowMs: number) {
    this.#settings = settings;
    this.#log = new LogSender(this.#backups, settings.logBufferBytesMax, start.lastEpoch);
    const retained = retainedBytesMax(settings.logBufferBytesMax);
    this.#history = new LogHistory(retained, start.past, start.lastEpoch);
    this.#outlet = new GuestOutlet(start, settings.ownDisk?.use ?? null);
    this.#disks = new BackupDisks(settings.ownDisk, this.#backups, start.lastRequestId);
    this.#journals = new Journals(settings.journal, this.#backups, nowMs);
    this.#pace = new VcpuPace(settings.lagMsTarget);
    this.#guard = new GenerationGuard(settings.self.identity.replica, start.generation, nowMs);
    this.#slow = new SlowBackups(settings.slowBackup, nowMs);
    this.#redundancy = start.redundancy;
    const Rule = start.redundancy.commit === 'quorum' ? QuorumMembership : AllMembership;
    this.#membership = new Rule(this.#backups, this.#guard);
    this.#desk = new BackupDesk({
      settings,
      redundancy: start.redundancy,
      backups: this.#backups,
      log: this.#log,
      history: this.#history,
      outlet: this.#outlet,
      disks: this.#disks,
      guard: this.#guard,
      membership: this.#membership,
      slow: this.#slow,
    });
    this.#departure = new Departure(settings, start.redundancy.commit);
    this.#ran = start.lastEpoch;
    this.#guestPause = new GuestPause(start.isPaused);
    this.#steppedAtMs = nowMs;
  }

  /** What going live owes the world (§2.3, §3.4): to be performed before any input. */
  begin(start: PrimaryStart): RoleEffect[] {
    const effects: RoleEffect[] = start.unreleasedFrames.map((frame) => ({
      kind: 'emitFrame',
      frame,
    }));
    for (const { requestId, result } of start.finishedDisk) {
      this.#outlet.diskFinished(requestId, result, this.#steppedAtMs);
      if (this.#outlet.ending) continue;
      effects.push(vcpu({ kind: 'inject', event: { kind: 'diskCompleted', requestId, result } }));
    }
    return [
      ...(start.isClaimedAhead ? this.#guard.confirm() : []),
      ...effects,
      ...this.#startDisk(),
      ...this.#journals.syncFor(start.lastEpoch),
      ...this.#endIfDone(),
    ];
  }

  step(input: RoleInput, nowMs: number): RoleEffect[] {
    if (this.#isOver) return [];
    const effects = this.#noticeSleep(nowMs);
    effects.push(...this.#take(input, nowMs));
    return [...effects, ...this.#pauseOrResume()];
  }

  /** Time alone brings about nothing but what follows a silence that has not begun. */
  isQuiet(nowMs: number): boolean {
    const isSending = !this.#outlet.isEmpty || this.#log.hasUnsent;
    const isChanging = this.#departure.hasBegun || this.#pace.isPaused || !this.#guard.isOpen;
    return !isSending && !isChanging && this.#backups.isQuiet(nowMs);
  }

  #take(input: RoleInput, nowMs: number): RoleEffect[] {
    switch (input.kind) {
      case 'vcpu':
        return this.#vcpuEvent(input.event, nowMs);
      case 'peerMessage':
        return this.#message(input.peer, input.message, nowMs);
      case 'peerEnded':
        return this.#lose(this.#backups.at(input.peer), input.why, nowMs);
      case 'heartbeat':
        this.#backups.named(input.from)?.detector.heardHeartbeat(nowMs);
        return [];
      case 'lastWill':
        return this.#lose(this.#backups.named(input.of), 'its process has died', nowMs);
      case 'claimAnswered':
        return this.#claimAnswered(input, nowMs);
      case 'generationsRead': {
        const holder = this.#guard.generationsRead(input.asked, input.latest, nowMs);
        return holder ? this.#end({ kind: 'lostClaim', holder }) : this.#pump(nowMs);
      }
      case 'journalDurable':
        this.#journals.ownDurable(input.epoch);
        return this.#pump(nowMs);
      case 'diskFinished':
        return this.#diskFinished(input, nowMs);
      case 'diskCompared':
        return this.#diskCompared(input, nowMs);
      case 'guestEvent':
        return this.#outlet.ending ? [] : [vcpu({ kind: 'inject', event: input.event })];
      case 'leave':
      case 'handOver':
        return this.#leave(input.kind === 'handOver', nowMs);
      case 'tick':
        return this.#tick(nowMs);
      case 'peerOpened':
      case 'probed':
      case 'memberAnswered':
      case 'diskDigested':
      case 'journalRead':
        return [];
    }
  }

  // --- the guest -----------------------------------------------------------------------------

  #vcpuEvent(event: VcpuEvent, nowMs: number): RoleEffect[] {
    switch (event.kind) {
      case 'recorded':
        this.#log.add(event.record, nowMs);
        this.#history.record(event.record);
        this.#disks.recorded(event.record);
        this.#guestPause.recorded(event.record);
        this.#journals.recorded(event.record);
        return !this.#outlet.isEmpty || this.#pace.isPaused || this.#log.isDue(nowMs)
          ? this.#desk.sendRecords(nowMs)
          : [];
      case 'ran':
        this.#ran = event.epoch;
        this.#history.ran(event.after);
        this.#outlet.hold(event.outputs, event.epoch, nowMs);
        for (const read of this.#disks.ran(event.epoch, event.outputs)) this.#outlet.addRead(read);
        return this.#talked(nowMs);
      case 'crashed':
        this.#ran = event.epoch;
        this.#outlet.holdCrash(event.reason, event.epoch, nowMs);
        return this.#talked(nowMs);
      case 'cutTaken':
        this.#journals.snapshotTaken(nowMs);
        if (this.#settings.journal) this.#snapshots.hold(event.snapshot);
        return this.#desk.sendState(event, nowMs);
      case 'rested':
        // What these epochs did has left, or there was nothing: nobody waits for their acks.
        return this.#log.isDueAtRest(nowMs)
          ? this.#desk.sendRecords(nowMs, { isAwaited: !this.#outlet.isEmpty })
          : [];
      case 'wentLive':
      case 'diverged':
        return [];
    }
  }

  /** An output waits: its record goes now (§3.5). */
  #talked(nowMs: number): RoleEffect[] {
    if (this.#outlet.isEmpty) return [...this.#startDisk(), ...this.#pump(nowMs)];
    this.#log.talked(nowMs);
    const sync = this.#journals.areSynced ? this.#journals.syncFor(this.#ran) : [];
    return [...this.#desk.sendRecords(nowMs), ...sync, ...this.#startDisk(), ...this.#pump(nowMs)];
  }

  /** Releases what the acks cover, if we are sure to be live (§2.2, §2.3). */
  #pump(nowMs: number): RoleEffect[] {
    const changes = this.#membership.adjust(this.#outlet.released);
    if (!this.#membership.mayRelease) return changes;
    const { outputCommit } = this.#settings;
    const covered = outputCommit
      ? Math.min(this.#membership.covered(this.#ran), this.#journals.covered)
      : this.#ran;
    const effects = [...changes, ...this.#outlet.release(covered, nowMs)];
    effects.push(...this.#journals.syncFor(this.#outlet.awaitsJournal));
    effects.push(...this.#snapshots.release(this.#outlet.released));
    return [...effects, ...this.#startDisk(), ...this.#endIfDone()];
  }

  #startDisk(): RoleEffect[] {
    if (this.#departure.isDraining || this.#outlet.hasNoDisk) return [];
    const mayWrite = this.#membership.mayRelease;
    const { durable } = this.#journals;
    const isFenced = (request: DiskRequest): boolean => this.#disks.isFenced(request);
    return this.#outlet.startDisk({ mayWrite, isFenced, durable }).map((request) => {
      const digest = this.#disks.digestOf(request.id);
      return digest ? { kind: 'compareDisk', request, digest } : { kind: 'startDisk', request };
    });
  }

  #diskCompared(
    { requestId, found }: Extract<RoleInput, { kind: 'diskCompared' }>,
    nowMs: number,
  ): RoleEffect[] {
    const looked = this.#disks.compared(requestId);
    this.#outlet.diskFinished(requestId, { kind: 'failed' }, nowMs);
    if (!looked) return this.#startDisk();
    const { asker, question } = looked;
    if (found === 'failed') return this.#lose(asker, 'our disk cannot be read', nowMs);
    const { drive, offsetBytes } = question;
    const data = found ?? new Uint8Array(0);
    const answer = { kind: 'diskAnswer', drive, offsetBytes, data } as const;
    return [this.#desk.diskAnswer(asker, answer, nowMs), ...this.#startDisk()];
  }

  #diskFinished(
    { requestId, result }: Extract<RoleInput, { kind: 'diskFinished' }>,
    nowMs: number,
  ): RoleEffect[] {
    // Begun before we were primary, and in the log since.
    const request = this.#outlet.diskRequest(requestId);
    if (!request) return [];
    const effects: RoleEffect[] = [];
    if (result.kind === 'failed') {
      effects.push(report({ kind: 'diskFailed', requestId }));
      if (request.kind === 'diskWrite') this.#disks.failed(request);
    }
    if (!this.#outlet.diskFinished(requestId, result, nowMs)) return effects;
    if (!this.#outlet.ending) {
      effects.push(vcpu({ kind: 'inject', event: { kind: 'diskCompleted', requestId, result } }));
    }
    return [...effects, ...this.#startDisk(), ...this.#endIfDone(), ...this.#leaveIfDue(nowMs)];
  }

  /**
   * Stops the vCPU at its next epoch boundary while more is kept for it than we want to keep: records
   * for a backup (§3.2), or output that may not leave or that a disk is slow to take.
   */
  #pauseOrResume(): RoleEffect[] {
    if (this.#isOver) return [];
    const { logBufferBytesMax: heldBytesMax } = this.#settings;
    const { heldBytes } = this.#outlet;
    const keptBytes = Math.max(heldBytes, this.#journals.backlogBytes);
    const isFull = this.#log.isFull || keptBytes >= heldBytesMax;
    const hasRoom = this.#log.hasRoom && keptBytes <= heldBytesMax * 0.75;
    return this.#pace.kept({ isFull, hasRoom }).map(vcpu);
  }

  // --- ends ----------------------------------------------------------------------------------

  /** The guest is over and everything it did has left: say so to all, and end. */
  #endIfDone(): RoleEffect[] {
    const { ending, isDone } = this.#outlet;
    if (!ending || !isDone || this.#isOver) return [];
    return [
      { kind: 'journal', command: { kind: 'ended' } },
      ...this.#desk.goodbye({ kind: 'goodbye', end: ending }),
      ...this.#end(ending),
    ];
  }

  /** Hands over at a good moment; asked twice, now: whoever asks does not want to wait. */
  #leave(needsHeir: boolean, nowMs: number): RoleEffect[] {
    if (this.#departure.hasBegun && !needsHeir) return this.#left(nowMs);
    this.#departure.begin({ needsHeir }, nowMs);
    return this.#leaveIfDue(nowMs);
  }
  #leaveIfDue(nowMs: number): RoleEffect[] {
    const { startedDiskCount } = this.#outlet;
    const mayClaim = this.#guard.isOpen;
    const next = this.#departure.next({ startedDiskCount, mayClaim }, this.#backups, nowMs);
    if (next.kind === 'ask') return this.#desk.handOver(next.heir, nowMs);
    return next.kind === 'leave' ? this.#left(nowMs) : [];
  }
  /** With every record there is: what the guest was told would else have to be told again. */
  #left(nowMs: number): RoleEffect[] {
    if (this.#isOver) return [];
    return [
      vcpu({ kind: 'pause' }),
      ...this.#desk.sendRecords(nowMs),
      ...this.#desk.goodbye({ kind: 'goodbye', end: { kind: 'leaving' } }),
      ...this.#end({ kind: 'left' }),
    ];
  }

  #end(end: Extract<RoleEffect, { kind: 'end' }>['end']): RoleEffect[] {
    this.#isOver = true;
    return [{ kind: 'end', end }];
  }

  #claimAnswered(
    { generation, outcome }: Extract<RoleInput, { kind: 'claimAnswered' }>,
    nowMs: number,
  ): RoleEffect[] {
    const answer = this.#guard.claimAnswered(generation, outcome, this.#backups.inSyncIds(), nowMs);
    if (answer.lostTo) return this.#end({ kind: 'lostClaim', holder: answer.lostTo });
    if (!answer.won) return answer.effects;
    return [...this.#desk.generationWon(nowMs), ...answer.effects, ...this.#pump(nowMs)];
  }

  // --- the backups ---------------------------------------------------------------------------

  #message(peer: PeerId, message: WireMessage, nowMs: number): RoleEffect[] {
    const backup = this.#backups.at(peer);
    if (backup) {
      if (message.kind === 'ready' && this.#departure.isHeir(backup)) return this.#left(nowMs);
      const effects = this.#desk.message(backup, message, nowMs);
      for (const read of this.#disks.due(this.#ran)) this.#outlet.addRead(read);
      return [...effects, ...this.#startDisk(), ...this.#pump(nowMs)];
    }
    if (message.kind !== 'hello') return [{ kind: 'closePeer', peer }];
    const { hasBegun } = this.#departure;
    return [...this.#desk.hello(peer, message, nowMs, hasBegun), ...this.#pump(nowMs)];
  }

  #lose(backup: BackupView | undefined, why: string, nowMs: number): RoleEffect[] {
    return [...this.#desk.lose(backup, why), ...this.#pump(nowMs)];
  }

  // --- time ----------------------------------------------------------------------------------

  /** A process that was stopped must ask before it speaks: a backup may have gone live (§2.3). */
  #noticeSleep(nowMs: number): RoleEffect[] {
    const sleptMs = nowMs - this.#steppedAtMs;
    this.#steppedAtMs = nowMs;
    if (sleptMs < this.#settings.failureTimeoutMs / 2) return [];
    for (const backup of this.#backups.all()) backup.excuse(nowMs);
    this.#slow.excuse(nowMs);
    return [report({ kind: 'wokeUp', sleptMs }), ...this.#guard.wokeUp()];
  }

  #tick(nowMs: number): RoleEffect[] {
    const effects: RoleEffect[] = this.#guard.tick(this.#backups.inSyncIds(), nowMs);
    const again = this.#outlet.failedWrites(nowMs);
    effects.push(...again.map((request) => ({ kind: 'startDisk', request }) as const));
    effects.push(...this.#desk.tick(nowMs));
    const lagMs = this.#membership.lagMs(nowMs);
    effects.push(...this.#pace.lagged(lagMs, nowMs).map(vcpu), ...this.#dropSlow(nowMs));
    if (this.#journals.isSnapshotDue(nowMs)) effects.push(...this.#desk.cut());
    if (this.#log.isLate(nowMs)) effects.push(...this.#desk.sendRecords(nowMs));
    return [...effects, ...this.#pump(nowMs), ...this.#leaveIfDue(nowMs)];
  }

  #dropSlow(nowMs: number): RoleEffect[] {
    const burden = {
      backups: this.#backups.all(),
      oldestHeld: this.#outlet.oldestHeld,
      mayRelease: this.#membership.mayRelease,
      straggler: this.#log.isFull ? this.#membership.straggler : null,
      isAtLowestShare: this.#pace.isLowestShare,
    };
    const slow = this.#slow.find(burden, nowMs);
    return slow ? this.#desk.lose(slow.backup, slow.why) : [];
  }

  status(nowMs: number): PrimaryStatus {
    return {
      generation: this.#guard.generation,
      epoch: this.#ran,
      isPaused: this.#guestPause.isPausedAt(this.#outlet.released),
      releasing: this.#membership.mayRelease && !this.#membership.isWaitedInVain(nowMs),
      heldOutputs: this.#outlet.heldCount,
      commitDelayMs: this.#outlet.commitDelayMs,
      sharePercent: this.#pace.sharePercent,
      logBufferBytes: this.#log.levelBytes,
      backupsWished: this.#redundancy.backups,
      commit: this.#redundancy.commit,
      backups: this.#backups.all().map((each) => backupStatusRow(each, this.#disks, nowMs)),
    };
  }
}

function report(what: RoleReport): RoleEffect {
  return { kind: 'report', report: what };
}
function vcpu(command: VcpuCommand): RoleEffect {
  return { kind: 'vcpu', command };
}
