import { StateSender } from '../channel/state-transfer.js';
import type { Hello, WireMessage } from '../channel/wire-message.js';
import { assert } from '../assert.js';
import type { DiskRequest } from '../guest/disk-request.js';
import type { Epoch } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import { admissionRefusal } from './admission.js';
import { BackupDisks } from './backup-disks.js';
import { BackupSet } from './backup-set.js';
import { BackupView } from './backup-view.js';
import { Departure } from './departure.js';
import { GenerationGuard } from './generation-guard.js';
import { GuestOutlet } from './guest-outlet.js';
import { GuestPause } from './guest-pause.js';
import { Journals } from './journals.js';
import { LogSender } from './log-sender.js';
import { backupStatusRow, type PrimaryStatus } from './primary-status.js';
import type { PrimaryStart, RoleEffect, RoleReport, VcpuCommand } from './role-effect.js';
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
  readonly #outlet: GuestOutlet;
  readonly #disks: BackupDisks;
  readonly #journals: Journals;
  readonly #snapshots = new SnapshotHold();
  readonly #pace: VcpuPace;
  readonly #guard: GenerationGuard;
  readonly #slow: SlowBackups;
  readonly #redundancy: Redundancy;
  #ran: Epoch;
  #isCutAsked = false;
  #steppedAtMs: number;
  #heartbeatAtMs = Number.NEGATIVE_INFINITY;
  readonly #departure = new Departure();
  #retryDiskAtMs = 0;
  #isOver = false;
  readonly #guestPause: GuestPause;

  constructor(settings: RoleSettings, start: PrimaryStart, nowMs: number) {
    this.#settings = settings;
    this.#log = new LogSender(this.#backups, settings.logBufferBytesMax, start.lastEpoch);
    this.#outlet = new GuestOutlet(start, settings.ownDisk?.use ?? null);
    this.#disks = new BackupDisks(settings.ownDisk, this.#backups, start.lastRequestId);
    this.#journals = new Journals(settings.journal, this.#backups, nowMs);
    this.#pace = new VcpuPace(settings.lagMsTarget);
    this.#guard = new GenerationGuard(settings.self.identity.replica, start.generation, nowMs);
    this.#slow = new SlowBackups(settings.slowBackup, nowMs);
    this.#redundancy = start.redundancy;
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
      this.#outlet.diskFinished(requestId, result);
      if (this.#outlet.ending) continue;
      effects.push(vcpu({ kind: 'inject', event: { kind: 'diskCompleted', requestId, result } }));
    }
    return [
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

  #take(input: RoleInput, nowMs: number): RoleEffect[] {
    switch (input.kind) {
      case 'vcpu':
        return this.#vcpuEvent(input.event, nowMs);
      case 'peerMessage':
        return this.#message(input.peer, input.message, nowMs);
      case 'peerEnded':
        return this.#loseBackup(this.#backups.at(input.peer), input.why, nowMs);
      case 'heartbeat':
        this.#backups.named(input.from)?.detector.heardHeartbeat(nowMs);
        return [];
      case 'lastWill':
        return this.#loseBackup(this.#backups.named(input.of), 'its process has died', nowMs);
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
        this.#disks.recorded(event.record);
        this.#guestPause.recorded(event.record);
        this.#journals.recorded(event.record);
        return !this.#outlet.isEmpty || this.#pace.isPaused || this.#log.isDue(nowMs)
          ? this.#sendRecords(nowMs)
          : [];
      case 'ran':
        this.#ran = event.epoch;
        this.#outlet.hold(event.outputs, event.epoch, nowMs);
        for (const read of this.#disks.ran(event.epoch, event.outputs)) this.#outlet.addRead(read);
        return this.#talked(nowMs);
      case 'crashed':
        this.#ran = event.epoch;
        this.#outlet.holdCrash(event.reason, event.epoch, nowMs);
        return this.#talked(nowMs);
      case 'cutTaken':
        return this.#sendState(event, nowMs);
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
    return [...this.#sendRecords(nowMs), ...sync, ...this.#startDisk(), ...this.#pump(nowMs)];
  }

  /** Releases what the acks cover, if we are sure to be live (§2.2, §2.3). */
  #pump(nowMs: number): RoleEffect[] {
    if (!this.#guard.isOpen) return [];
    const { outputCommit } = this.#settings;
    const covered = outputCommit
      ? Math.min(this.#backups.ackedByAll(this.#ran), this.#journals.covered)
      : this.#ran;
    const effects = this.#outlet.release(covered, nowMs);
    effects.push(...this.#journals.syncFor(this.#outlet.awaitsJournal));
    effects.push(...this.#snapshots.release(this.#outlet.released));
    return [...effects, ...this.#startDisk(), ...this.#endIfDone()];
  }

  #startDisk(): RoleEffect[] {
    if (this.#departure.isDraining) return [];
    const mayWrite = this.#guard.isOpen;
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
    this.#outlet.diskFinished(requestId, { kind: 'failed' });
    if (!looked) return this.#startDisk();
    const { asker, question } = looked;
    if (found === 'failed') return this.#loseBackup(asker, 'our disk cannot be read', nowMs);
    const { drive, offsetBytes } = question;
    const data = found ?? new Uint8Array(0);
    return [
      this.#send(asker, { kind: 'diskAnswer', drive, offsetBytes, data }, nowMs),
      ...this.#startDisk(),
    ];
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
    if (!this.#outlet.diskFinished(requestId, result)) {
      this.#retryDiskAtMs = nowMs + retryDiskMs;
      return effects;
    }
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
      ...this.#goodbye({ kind: 'goodbye', end: ending }),
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
    const isDue = this.#departure.isDue(startedDiskCount, this.#backups.inSync(), nowMs);
    return isDue ? this.#left(nowMs) : [];
  }
  /** With every record there is: what the guest was told would else have to be told again. */
  #left(nowMs: number): RoleEffect[] {
    if (this.#isOver) return [];
    return [
      vcpu({ kind: 'pause' }),
      ...this.#sendRecords(nowMs),
      ...this.#goodbye({ kind: 'goodbye', end: { kind: 'leaving' } }),
      ...this.#end({ kind: 'left' }),
    ];
  }

  #goodbye(message: WireMessage): RoleEffect[] {
    return this.#backups.all().map(({ peer }) => ({ kind: 'send', peer, message }));
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
    const tell = this.#backups
      .inSync()
      .map((backup) => this.#send(backup, { kind: 'inSync', generation }, nowMs));
    return [
      report({ kind: 'generationClaimed', generation }),
      this.#noteRoster(),
      ...tell,
      ...answer.effects,
      ...this.#pump(nowMs),
    ];
  }

  // --- the backups ---------------------------------------------------------------------------

  #message(peer: PeerId, message: WireMessage, nowMs: number): RoleEffect[] {
    const backup = this.#backups.at(peer);
    if (!backup) {
      return message.kind === 'hello'
        ? this.#hello(peer, message, nowMs)
        : [{ kind: 'closePeer', peer }];
    }
    backup.detector.heardOnChannel(nowMs);
    switch (message.kind) {
      case 'ack': {
        const wrong = backup.ack(message, nowMs);
        if (wrong) return this.#loseBackup(backup, wrong, nowMs);
        this.#log.forget();
        return [...this.#advance(backup, nowMs), ...this.#pump(nowMs)];
      }
      case 'stateAck': {
        const wrong = backup.stateAck(message.receivedBytes, nowMs);
        if (wrong) return this.#loseBackup(backup, wrong, nowMs);
        return this.#continueTransfer(backup, nowMs);
      }
      case 'diverged': {
        const { epoch, difference } = message;
        const { replica } = backup.identity;
        return [
          report({ kind: 'backupDiverged', replica, epoch, difference }),
          ...this.#loseBackup(backup, `it diverged at epoch ${epoch}: ${difference}`, nowMs),
        ];
      }
      case 'diskAsk': {
        const wrong = this.#disks.asked(backup, message);
        if (wrong) return this.#loseBackup(backup, wrong, nowMs);
        for (const read of this.#disks.due(this.#ran)) this.#outlet.addRead(read);
        return this.#startDisk();
      }
      case 'diskSynced':
        this.#disks.synced(backup, this.#log.recorded);
        return this.#advance(backup, nowMs);
      case 'goodbye':
        return this.#loseBackup(backup, 'it said goodbye', nowMs);
      case 'keepAlive':
        return [];
      case 'hello':
        return this.#loseBackup(backup, 'it said hello twice', nowMs);
      case 'welcome':
      case 'refusal':
      case 'stateBegin':
      case 'statePages':
      case 'stateEnd':
      case 'records':
      case 'diskAnswer':
      case 'inSync': {
        const why = `it sent ${message.kind}, which only a primary does`;
        return this.#loseBackup(backup, why, nowMs);
      }
    }
  }

  #hello(peer: PeerId, hello: Hello, nowMs: number): RoleEffect[] {
    const { replica } = hello.identity;
    const earlier = this.#backups.named(replica);
    const refusal = admissionRefusal(hello, this.#settings.self, {
      isEnding: this.#outlet.ending !== null || this.#departure.hasBegun,
      isFull: !earlier && this.#backups.isFull,
      awayForMs: this.#slow.awayForMs(replica, nowMs),
    });
    if (refusal) {
      return [
        { kind: 'send', peer, message: refusal },
        { kind: 'closePeer', peer },
        report({ kind: 'joinRefused', why: refusal.why }),
      ];
    }
    // One link for each replica: whoever connects again has given up the link before.
    const effects = this.#loseBackup(earlier, 'it has connected again', nowMs);
    const backup = new BackupView(peer, hello, this.#settings.failureTimeoutMs, nowMs);
    this.#backups.add(backup);
    const { self, heartbeatTo, willWord } = this.#settings;
    const welcome = {
      kind: 'welcome',
      identity: self.identity,
      generation: this.#guard.generation,
      heartbeatTo,
      willWord,
      redundancy: this.#redundancy,
    } as const;
    effects.push(
      report({ kind: 'backupJoining', replica }),
      { kind: 'addWill', to: hello.heartbeatTo, word: hello.willWord },
      this.#send(backup, welcome, nowMs),
    );
    return [...effects, ...this.#cut()];
  }

  #cut(): RoleEffect[] {
    if (this.#isCutAsked) return [];
    this.#isCutAsked = true;
    return [vcpu({ kind: 'cut' })];
  }

  #sendState(
    { epoch, snapshot, pauseMs }: Extract<VcpuEvent, { kind: 'cutTaken' }>,
    nowMs: number,
  ): RoleEffect[] {
    assert(epoch === this.#log.recorded, `state of epoch ${epoch} after ${this.#log.recorded}`);
    const stateBytes = snapshot.state.byteLength;
    const isAwaited = this.#backups.all().some(({ state }) => state === 'awaitingCut');
    const kind = isAwaited ? 'stateCut' : 'snapshotCut';
    const effects: RoleEffect[] = [report({ kind, pauseMs, stateBytes })];
    this.#isCutAsked = false;
    this.#journals.snapshotTaken(nowMs);
    if (this.#settings.journal) this.#snapshots.hold(snapshot);
    for (const backup of this.#backups.all()) {
      if (backup.state !== 'awaitingCut') continue;
      backup.beginTransfer(new StateSender(snapshot), epoch, nowMs);
      effects.push(...this.#continueTransfer(backup, nowMs));
    }
    return effects;
  }

  #continueTransfer(backup: BackupView, nowMs: number): RoleEffect[] {
    if (!backup.transfer) return [];
    const effects = backup.transfer.next().map((message) => this.#send(backup, message, nowMs));
    if (!backup.transfer.isDone) return effects;
    backup.endTransfer(this.#log.recorded, nowMs);
    return [...effects, ...this.#sendRecords(nowMs)];
  }

  /** A backup that is close behind becomes awaited; one that has everything becomes in sync. */
  #advance(backup: BackupView, nowMs: number): RoleEffect[] {
    const isClose = backup.lag.lagMs(nowMs) <= this.#settings.lagMsTarget;
    if (backup.state === 'catchingUp' && isClose && this.#disks.isReady(backup)) {
      backup.state = 'required';
      backup.requiredEpoch = this.#log.recorded;
      this.#disks.becameRequired(backup, this.#log.recorded);
    }
    const has = Math.min(backup.acked, backup.durable);
    if (backup.state !== 'required' || has < backup.requiredEpoch) return [];
    // What was said before its state was cut and still waits for another backup, it could not repeat.
    if (!this.#guard.isOpen || this.#outlet.released < backup.cutEpoch) return [];
    backup.state = 'inSync';
    const { replica } = backup.identity;
    return [
      this.#noteRoster(),
      this.#send(backup, { kind: 'inSync', generation: this.#guard.generation }, nowMs),
      report({ kind: 'backupInSync', replica, joinMs: nowMs - backup.joinedAtMs }),
    ];
  }

  #noteRoster(): RoleEffect {
    const inSync = this.#backups.inSync().map(({ identity }) => identity);
    return { kind: 'noteRoster', generation: this.#guard.generation, inSync };
  }

  #loseBackup(backup: BackupView | undefined, why: string, nowMs: number): RoleEffect[] {
    if (!backup) return [];
    const { peer, identity, state } = backup;
    this.#backups.remove(backup);
    this.#disks.forget(backup);
    this.#log.forget();
    return [
      { kind: 'closePeer', peer },
      report({ kind: 'backupLost', replica: identity.replica, why }),
      ...(state === 'inSync' ? this.#guard.backupLost(this.#backups.inSyncIds()) : []),
      ...this.#pump(nowMs),
    ];
  }

  #sendRecords(nowMs: number): RoleEffect[] {
    const { released, consoleReleased } = this.#outlet;
    return this.#log.flush().map(({ backup, records: complete }) => {
      const records = this.#disks.recordsFor(backup, complete);
      return this.#send(backup, { kind: 'records', records, released, consoleReleased }, nowMs);
    });
  }

  #send(backup: BackupView, message: WireMessage, nowMs: number): RoleEffect {
    backup.sentAtMs = nowMs;
    return { kind: 'send', peer: backup.peer, message };
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
    if (nowMs >= this.#retryDiskAtMs) {
      const again = this.#outlet.failedWrites();
      effects.push(...again.map((request) => ({ kind: 'startDisk', request }) as const));
    }
    const heartbeatMs = this.#settings.failureTimeoutMs / heartbeatsPerTimeout;
    const heartbeatDue = nowMs - this.#heartbeatAtMs >= heartbeatMs;
    if (heartbeatDue) this.#heartbeatAtMs = nowMs;
    let lagMs = 0;
    for (const backup of this.#backups.all()) {
      if (heartbeatDue) effects.push({ kind: 'sendHeartbeat', to: backup.heartbeatTo });
      if (nowMs - backup.sentAtMs >= heartbeatMs) {
        effects.push(this.#send(backup, { kind: 'keepAlive' }, nowMs));
      }
      const why = backup.whyDead(nowMs);
      if (why !== null) {
        effects.push(...this.#loseBackup(backup, why, nowMs));
        continue;
      }
      if (backup.takesRecords) lagMs = Math.max(lagMs, backup.lag.lagMs(nowMs));
      effects.push(...this.#advance(backup, nowMs));
    }
    effects.push(...this.#pace.lagged(lagMs, nowMs).map(vcpu), ...this.#dropSlow(nowMs));
    if (this.#journals.isSnapshotDue(nowMs)) effects.push(...this.#cut());
    if (this.#log.isLate(nowMs)) effects.push(...this.#sendRecords(nowMs));
    return [...effects, ...this.#pump(nowMs), ...this.#leaveIfDue(nowMs)];
  }

  #dropSlow(nowMs: number): RoleEffect[] {
    const burden = {
      backups: this.#backups.all(),
      oldestHeld: this.#outlet.oldestHeld,
      isGuardOpen: this.#guard.isOpen,
      isAtLowestShare: this.#pace.isLowestShare,
    };
    const slow = this.#slow.find(burden, nowMs);
    return slow ? this.#loseBackup(slow.backup, slow.why, nowMs) : [];
  }

  status(nowMs: number): PrimaryStatus {
    return {
      generation: this.#guard.generation,
      epoch: this.#ran,
      isPaused: this.#guestPause.isPausedAt(this.#outlet.released),
      releasing: this.#guard.isOpen && !this.#backups.isWaitedInVain(nowMs),
      heldOutputs: this.#outlet.heldCount,
      commitDelayMs: this.#outlet.commitDelayMs,
      sharePercent: this.#pace.sharePercent,
      logBufferBytes: this.#log.levelBytes,
      backupsWished: this.#redundancy.backups,
      backups: this.#backups.all().map((backup) => backupStatusRow(backup, nowMs)),
    };
  }
}

// Four heartbeats lost in a row are weather turned into a failure (§2.3); ten leave room for a GC.
const heartbeatsPerTimeout = 10;
const retryDiskMs = 100;

function report(what: RoleReport): RoleEffect {
  return { kind: 'report', report: what };
}
function vcpu(command: VcpuCommand): RoleEffect {
  return { kind: 'vcpu', command };
}
