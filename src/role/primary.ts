import type { ReplicaId } from '../arbiter/generation-record.js';
import { FlowControl } from '../channel/flow-control.js';
import { refusalOf } from '../channel/handshake.js';
import { StateSender } from '../channel/state-transfer.js';
import type { GuestEnd, Hello, WireMessage } from '../channel/wire-message.js';
import { DiskQueue } from '../disk/disk-queue.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { Snapshot } from '../guest/snapshot.js';
import { LogBuffer } from '../log/log-buffer.js';
import type { ConsoleOffset, Epoch, Generation } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import { BackupView } from './backup-view.js';
import { GenerationGuard } from './generation-guard.js';
import { OutputGate } from './output-gate.js';
import type { PrimaryStart, RoleEffect, RoleReport, VcpuCommand } from './role-effect.js';
import type { PeerId, RoleInput } from './role-input.js';
import type { RoleSettings } from './role-settings.js';

/** What waits at the gate: the guest's output, and the news that it has crashed, which comes last. */
type Held = GuestOutput | { readonly kind: 'crashed'; readonly reason: string };

/**
 * The live replica: sends the log, holds output until it is acknowledged, takes in backups.
 *
 * Shape:  `step` takes an input and the time and returns effects, in order; nothing else happens.
 * Source: FT paper §2.2 (Output Rule), §2.3 (responding to failure), §3.1 (starting), §3.2 (log).
 */
export class Primary {
  readonly #settings: RoleSettings;
  readonly #log: LogBuffer;
  readonly #gate = new OutputGate<Held>();
  readonly #disk = new DiskQueue();
  readonly #flow: FlowControl;
  readonly #guard: GenerationGuard;
  readonly #backups = new Map<PeerId, BackupView>();
  #recorded: Epoch;
  #ran: Epoch;
  #released: Epoch;
  #consoleReleased: ConsoleOffset;
  #unsentSinceMs = Number.POSITIVE_INFINITY;
  #talkedAtMs = Number.NEGATIVE_INFINITY;
  #cutAskedAtMs: number | null = null;
  #paused = false;
  #steppedAtMs: number;
  #heartbeatAtMs = Number.NEGATIVE_INFINITY;
  #ending: GuestEnd | null;
  #over = false;
  readonly #commitDelay = { count: 0, sumMs: 0, maxMs: 0 };

  constructor(settings: RoleSettings, start: PrimaryStart, nowMs: number) {
    this.#settings = settings;
    this.#log = new LogBuffer(settings.logBufferBytesMax);
    this.#flow = new FlowControl(settings.lagMsTarget);
    this.#guard = new GenerationGuard(settings.self.identity.replica, start.generation, nowMs);
    this.#recorded = start.lastEpoch;
    this.#ran = start.lastEpoch;
    this.#released = start.lastEpoch;
    this.#consoleReleased = start.consoleOffset;
    this.#steppedAtMs = nowMs;
    this.#ending = start.guestEnd;
    for (const request of start.pendingDisk) {
      this.#disk.add(request);
      // Its records are in every surviving log: this replica has replayed them.
      this.#disk.release(request.id);
    }
  }

  /** What going live owes the world (§2.3, §3.4): to be performed before any input. */
  begin(start: PrimaryStart): RoleEffect[] {
    const effects: RoleEffect[] = start.unreleasedFrames.map((frame) => ({
      kind: 'emitFrame',
      frame,
    }));
    return [...effects, ...this.#startDisk(), ...this.#endIfDone()];
  }

  step(input: RoleInput, nowMs: number): RoleEffect[] {
    if (this.#over) return [];
    const effects = this.#noticeSleep(nowMs);
    effects.push(...this.#take(input, nowMs));
    return effects;
  }

  #take(input: RoleInput, nowMs: number): RoleEffect[] {
    switch (input.kind) {
      case 'vcpu':
        return this.#vcpuEvent(input.event, nowMs);
      case 'peerMessage':
        return this.#message(input.peer, input.message, nowMs);
      case 'peerEnded':
        return this.#loseBackup(input.peer, input.why, nowMs);
      case 'heartbeat': {
        for (const backup of this.#backups.values()) {
          if (backup.identity.replica === input.from) backup.detector.heardHeartbeat(nowMs);
        }
        return [];
      }
      case 'claimAnswered': {
        const answer = this.#guard.claimAnswered(input.outcome, this.#inSync(), nowMs);
        if (answer.lostTo) {
          this.#over = true;
          return [{ kind: 'end', end: { kind: 'lostClaim', holder: answer.lostTo } }];
        }
        if (!answer.won) return answer.effects;
        const generation = this.#guard.generation;
        return [
          report({ kind: 'generationClaimed', generation }),
          ...this.#tellInSync(generation),
          ...answer.effects,
          ...this.#pump(nowMs),
        ];
      }
      case 'generationsRead': {
        const holder = this.#guard.generationsRead(input.asked, input.latest, nowMs);
        if (holder) {
          this.#over = true;
          return [{ kind: 'end', end: { kind: 'lostClaim', holder } }];
        }
        return this.#pump(nowMs);
      }
      case 'diskFinished': {
        this.#disk.finished(input.requestId);
        const effects: RoleEffect[] = [];
        if (input.result.kind === 'failed') {
          effects.push(report({ kind: 'diskFailed', requestId: input.requestId }));
        }
        if (!this.#ending) {
          const { requestId, result } = input;
          effects.push(
            vcpu({ kind: 'inject', event: { kind: 'diskCompleted', requestId, result } }),
          );
        }
        return [...effects, ...this.#startDisk(), ...this.#endIfDone()];
      }
      case 'guestEvent':
        return this.#ending ? [] : [vcpu({ kind: 'inject', event: input.event })];
      case 'leave': {
        this.#over = true;
        const goodbyes = this.#sendAll({ kind: 'goodbye', end: { kind: 'leaving' } }, nowMs);
        return [vcpu({ kind: 'pause' }), ...goodbyes, { kind: 'end', end: { kind: 'left' } }];
      }
      case 'tick':
        return this.#tick(nowMs);
      case 'peerOpened':
      case 'probed':
        return [];
    }
  }

  // --- the guest -----------------------------------------------------------------------------

  #vcpuEvent(event: VcpuEvent, nowMs: number): RoleEffect[] {
    switch (event.kind) {
      case 'recorded': {
        this.#recorded = event.record.epoch;
        if (this.#backups.size === 0) return [];
        this.#log.append(event.record);
        this.#unsentSinceMs = Math.min(this.#unsentSinceMs, nowMs);
        for (const backup of this.#backups.values()) {
          if (backup.takesRecords) backup.lag.recorded(event.record.epoch, nowMs);
        }
        const effects = this.#mustSend(nowMs) ? this.#sendRecords(nowMs) : [];
        if (this.#log.isFull && !this.#paused) {
          this.#paused = true;
          effects.push(vcpu({ kind: 'pause' }));
        }
        return effects;
      }
      case 'ran': {
        this.#ran = event.epoch;
        for (const output of event.outputs) this.#hold(output, event.epoch, nowMs);
        if (event.outputs.length === 0 && this.#gate.isEmpty) {
          if (this.#backups.size === 0 && this.#guard.isOpen) this.#released = event.epoch;
          return [];
        }
        if (!this.#gate.isEmpty) this.#talkedAtMs = nowMs;
        // An output waits: its record goes now (§3.5).
        return [...this.#sendRecords(nowMs), ...this.#startDisk(), ...this.#pump(nowMs)];
      }
      case 'cutTaken':
        return this.#sendState(event.epoch, event.snapshot, nowMs);
      case 'crashed':
        this.#ran = event.epoch;
        this.#gate.hold({ kind: 'crashed', reason: event.reason }, event.epoch, nowMs);
        return [...this.#sendRecords(nowMs), ...this.#pump(nowMs)];
      case 'wentLive':
      case 'diverged':
        return [];
    }
  }

  #hold(output: GuestOutput, epoch: Epoch, nowMs: number): void {
    if (output.kind === 'diskRead' || output.kind === 'diskWrite') this.#disk.add(output);
    // A read changes nothing outside: it need not wait.
    if (output.kind !== 'diskRead') this.#gate.hold(output, epoch, nowMs);
  }

  /** Releases what the acks cover; the only way output leaves (§2.2). */
  #pump(nowMs: number): RoleEffect[] {
    const covered = this.#settings.outputCommit ? this.#ackedByAll() : this.#ran;
    if (this.#settings.outputCommit && !this.#guard.isOpen) return [];
    const effects: RoleEffect[] = [];
    for (const { output, heldAtMs } of this.#gate.release(covered)) {
      this.#commitDelay.count += 1;
      this.#commitDelay.sumMs += nowMs - heldAtMs;
      this.#commitDelay.maxMs = Math.max(this.#commitDelay.maxMs, nowMs - heldAtMs);
      effects.push(...this.#emit(output, covered));
    }
    this.#released = Math.max(this.#released, Math.min(covered, this.#ran));
    return [...effects, ...this.#startDisk(), ...this.#endIfDone()];
  }

  #emit(output: Held, epoch: Epoch): RoleEffect[] {
    switch (output.kind) {
      case 'consoleBytes':
        this.#consoleReleased = output.offset + output.bytes.byteLength;
        return [{ kind: 'emitConsole', bytes: output.bytes, offset: output.offset }];
      case 'frameSent':
        return [{ kind: 'emitFrame', frame: output.frame }];
      case 'diskWrite':
        this.#disk.release(output.id);
        return [];
      case 'diskRead':
        return [];
      case 'reboot':
        return [report({ kind: 'rebooted', epoch: Math.min(epoch, this.#ran) })];
      case 'powerOff':
        this.#ending = { kind: 'poweredOff', epoch: this.#ran };
        return [];
      case 'crashed':
        this.#ending = { kind: 'crashed', epoch: this.#recorded, reason: output.reason };
        return [];
    }
  }

  #startDisk(): RoleEffect[] {
    return this.#disk.start().map((request) => ({ kind: 'startDisk', request }));
  }

  /** The guest is over and everything it did has left: say so to all, and end. */
  #endIfDone(): RoleEffect[] {
    if (!this.#ending || this.#over || !this.#gate.isEmpty || this.#disk.size > 0) return [];
    this.#over = true;
    const message: WireMessage = { kind: 'goodbye', end: this.#ending };
    const goodbyes = [...this.#backups.keys()].map((peer): RoleEffect => ({
      kind: 'send',
      peer,
      message,
    }));
    return [...goodbyes, { kind: 'end', end: this.#ending }];
  }

  // --- the backups ---------------------------------------------------------------------------

  #message(peer: PeerId, message: WireMessage, nowMs: number): RoleEffect[] {
    if (message.kind === 'hello') return this.#hello(peer, message, nowMs);
    const backup = this.#backups.get(peer);
    if (!backup) return [{ kind: 'closePeer', peer }];
    backup.detector.heardOnChannel(nowMs);
    switch (message.kind) {
      case 'ack': {
        // Never beyond what was sent: a peer that says so is not one of ours.
        if (message.received >= backup.nextEpoch && message.received > backup.acked) {
          return this.#loseBackup(peer, 'it acknowledged records it was not sent', nowMs);
        }
        backup.acked = Math.max(backup.acked, message.received);
        backup.ran = Math.max(backup.ran, message.ran);
        backup.lag.ran(backup.ran, nowMs);
        this.#forgetAcked();
        return [...this.#advance(backup, nowMs), ...this.#giveRoom(), ...this.#pump(nowMs)];
      }
      case 'stateAck':
        backup.transfer?.acked(message.receivedBytes);
        return this.#continueTransfer(backup, nowMs);
      case 'diverged':
        return this.#loseBackup(
          peer,
          `it diverged at epoch ${message.epoch}: ${message.difference}`,
          nowMs,
        );
      case 'goodbye':
        return this.#loseBackup(peer, 'it said goodbye', nowMs);
      case 'keepAlive':
        return [];
      case 'welcome':
      case 'refusal':
      case 'stateBegin':
      case 'statePages':
      case 'stateEnd':
      case 'records':
      case 'inSync':
        return this.#loseBackup(peer, `it sent ${message.kind}, which only a primary does`, nowMs);
    }
  }

  #hello(peer: PeerId, hello: Hello, nowMs: number): RoleEffect[] {
    const refusal =
      refusalOf(hello, this.#settings.self) ??
      (this.#ending
        ? ({
            kind: 'refusal',
            code: 'FTVM_GUEST_IS_OFF',
            why: 'its guest is shutting down',
            remedy: 'Start the VM again with --primary.',
          } as const)
        : null);
    if (refusal) {
      return [
        { kind: 'send', peer, message: refusal },
        { kind: 'closePeer', peer },
        report({ kind: 'joinRefused', why: refusal.why }),
      ];
    }
    const backup = new BackupView(peer, hello, this.#settings.failureTimeoutMs, nowMs);
    this.#backups.set(peer, backup);
    const { self, heartbeatTo } = this.#settings;
    const effects: RoleEffect[] = [
      report({ kind: 'backupJoining', replica: hello.identity.replica }),
      this.#send(
        backup,
        {
          kind: 'welcome',
          identity: self.identity,
          generation: this.#guard.generation,
          heartbeatTo,
        },
        nowMs,
      ),
    ];
    if (this.#cutAskedAtMs === null) {
      this.#cutAskedAtMs = nowMs;
      effects.push(vcpu({ kind: 'cut' }));
    }
    return effects;
  }

  #sendState(epoch: Epoch, snapshot: Snapshot, nowMs: number): RoleEffect[] {
    const effects: RoleEffect[] = [];
    if (this.#cutAskedAtMs !== null) {
      const [pauseMs, stateBytes] = [nowMs - this.#cutAskedAtMs, snapshot.state.byteLength];
      effects.push(report({ kind: 'stateCut', pauseMs, stateBytes }));
    }
    this.#cutAskedAtMs = null;
    for (const backup of this.#backups.values()) {
      if (backup.state !== 'awaitingCut') continue;
      backup.state = 'receivingState';
      backup.transfer = new StateSender(snapshot);
      backup.nextEpoch = epoch + 1;
      backup.acked = epoch;
      backup.ran = epoch;
      effects.push(...this.#continueTransfer(backup, nowMs));
    }
    return effects;
  }

  #continueTransfer(backup: BackupView, nowMs: number): RoleEffect[] {
    if (!backup.transfer) return [];
    const effects = backup.transfer.next().map((message) => this.#send(backup, message, nowMs));
    if (backup.transfer.isDone && backup.state === 'receivingState') {
      backup.state = 'catchingUp';
      backup.transfer = null;
      for (let epoch = backup.nextEpoch; epoch <= this.#recorded; epoch += 1) {
        backup.lag.recorded(epoch, nowMs);
      }
      effects.push(...this.#sendRecords(nowMs));
    }
    return effects;
  }

  /** A backup that is close behind becomes awaited; one that has everything becomes in sync. */
  #advance(backup: BackupView, nowMs: number): RoleEffect[] {
    if (backup.state === 'catchingUp' && backup.lag.lagMs(nowMs) <= this.#settings.lagMsTarget) {
      backup.state = 'required';
      backup.requiredEpoch = this.#recorded;
    }
    if (backup.state !== 'required' || backup.acked < backup.requiredEpoch) return [];
    if (!this.#guard.isOpen) return [];
    backup.state = 'inSync';
    const { replica } = backup.identity;
    return [
      this.#send(backup, { kind: 'inSync', generation: this.#guard.generation }, nowMs),
      report({ kind: 'backupInSync', replica, joinMs: nowMs - backup.joinedAtMs }),
    ];
  }

  #loseBackup(peer: PeerId, why: string, nowMs: number): RoleEffect[] {
    const backup = this.#backups.get(peer);
    if (!backup) return [];
    this.#backups.delete(peer);
    const { replica } = backup.identity;
    const effects: RoleEffect[] = [
      { kind: 'closePeer', peer },
      report({ kind: 'backupLost', replica, why }),
    ];
    if (backup.state === 'inSync') effects.push(...this.#guard.backupLost(this.#inSync()));
    this.#forgetAcked();
    return [...effects, ...this.#giveRoom(), ...this.#pump(nowMs)];
  }

  #inSync(): ReplicaId[] {
    return [...this.#backups.values()]
      .filter(({ state }) => state === 'inSync')
      .map(({ identity }) => identity.replica);
  }

  #tellInSync(generation: Generation): RoleEffect[] {
    return [...this.#backups.values()]
      .filter(({ state }) => state === 'inSync')
      .map(({ peer }) => ({ kind: 'send', peer, message: { kind: 'inSync', generation } }));
  }

  /** The Output Rule's "all": the newest epoch that every awaited backup has acknowledged. */
  #ackedByAll(): Epoch {
    let acked = this.#ran;
    for (const backup of this.#backups.values()) {
      if (backup.isAwaited) acked = Math.min(acked, backup.acked);
    }
    return acked;
  }

  // --- the log -------------------------------------------------------------------------------

  /**
   * Records are worth a message at once while the guest talks, so that the ack is back before the
   * output is out; else a few go together, to spare both hosts the work (§3.2, §3.5).
   */
  #mustSend(nowMs: number): boolean {
    return (
      !this.#gate.isEmpty ||
      nowMs - this.#talkedAtMs < talkativeMs ||
      nowMs - this.#unsentSinceMs >= batchMs ||
      this.#paused
    );
  }

  #sendRecords(nowMs: number): RoleEffect[] {
    const effects: RoleEffect[] = [];
    for (const backup of this.#backups.values()) {
      if (!backup.takesRecords) continue;
      while (backup.nextEpoch <= this.#recorded) {
        const records = this.#log.from(backup.nextEpoch, recordsBytesMax);
        const last = records.at(-1);
        if (!last) break;
        backup.nextEpoch = last.epoch + 1;
        const [released, consoleReleased] = [this.#released, this.#consoleReleased];
        effects.push(
          this.#send(backup, { kind: 'records', records, released, consoleReleased }, nowMs),
        );
      }
    }
    this.#unsentSinceMs = Number.POSITIVE_INFINITY;
    return effects;
  }

  #forgetAcked(): void {
    let needed = this.#recorded + 1;
    for (const backup of this.#backups.values()) {
      if (backup.state !== 'awaitingCut') needed = Math.min(needed, backup.acked + 1);
    }
    this.#log.dropThrough(needed - 1);
  }

  #giveRoom(): RoleEffect[] {
    if (!this.#paused || !this.#log.hasRoom) return [];
    this.#paused = false;
    return [vcpu({ kind: 'resume' })];
  }

  #send(backup: BackupView, message: WireMessage, nowMs: number): RoleEffect {
    backup.sentAtMs = nowMs;
    return { kind: 'send', peer: backup.peer, message };
  }

  #sendAll(message: WireMessage, nowMs: number): RoleEffect[] {
    return [...this.#backups.values()].map((backup) => this.#send(backup, message, nowMs));
  }

  // --- time ----------------------------------------------------------------------------------

  /** A process that was stopped must ask before it speaks: a backup may have gone live (§2.3). */
  #noticeSleep(nowMs: number): RoleEffect[] {
    const sleptMs = nowMs - this.#steppedAtMs;
    this.#steppedAtMs = nowMs;
    if (sleptMs < this.#settings.failureTimeoutMs / 2) return [];
    return [report({ kind: 'wokeUp', sleptMs }), ...this.#guard.wokeUp()];
  }

  #tick(nowMs: number): RoleEffect[] {
    const effects: RoleEffect[] = this.#guard.tick(this.#inSync(), nowMs);
    const heartbeatMs = this.#settings.failureTimeoutMs / heartbeatsPerTimeout;
    const heartbeatDue = nowMs - this.#heartbeatAtMs >= heartbeatMs;
    if (heartbeatDue) this.#heartbeatAtMs = nowMs;
    let lagMs = 0;
    for (const backup of [...this.#backups.values()]) {
      if (heartbeatDue) effects.push({ kind: 'sendHeartbeat', to: backup.heartbeatTo });
      if (nowMs - backup.sentAtMs >= heartbeatMs) {
        effects.push(this.#send(backup, { kind: 'keepAlive' }, nowMs));
      }
      if (backup.detector.suspects(nowMs)) {
        effects.push(...this.#loseBackup(backup.peer, 'it has been silent too long', nowMs));
      } else {
        if (backup.takesRecords) lagMs = Math.max(lagMs, backup.lag.lagMs(nowMs));
        effects.push(...this.#advance(backup, nowMs));
      }
    }
    const before = this.#flow.sharePercent;
    const percent = this.#flow.adjust(lagMs, nowMs);
    if (percent !== before) effects.push(vcpu({ kind: 'setSharePercent', percent }));
    if (nowMs - this.#unsentSinceMs >= batchMs) effects.push(...this.#sendRecords(nowMs));
    return [...effects, ...this.#pump(nowMs)];
  }

  /** What every screen shows. */
  status(nowMs: number): PrimaryStatus {
    const { count, sumMs, maxMs } = this.#commitDelay;
    return {
      generation: this.#guard.generation,
      epoch: this.#ran,
      releasing: this.#guard.isOpen,
      heldOutputs: this.#gate.heldCount,
      commitDelayMs: { mean: count === 0 ? 0 : sumMs / count, max: maxMs, count },
      sharePercent: this.#flow.sharePercent,
      logBufferBytes: this.#log.levelBytes,
      backups: [...this.#backups.values()].map((backup) => ({
        identity: backup.identity,
        state: backup.state,
        inSync: backup.state === 'inSync',
        acked: backup.acked,
        ran: backup.ran,
        lagMs: backup.lag.lagMs(nowMs),
        heartbeatsMissing: backup.detector.heartbeatsMissing(nowMs),
      })),
    };
  }
}

export interface PrimaryStatus {
  readonly generation: Generation;
  readonly epoch: Epoch;
  /** False while a claim is open or storage is asked: output waits. */
  readonly releasing: boolean;
  readonly heldOutputs: number;
  readonly commitDelayMs: { readonly mean: number; readonly max: number; readonly count: number };
  readonly sharePercent: number;
  readonly logBufferBytes: number;
  readonly backups: readonly {
    readonly identity: BackupView['identity'];
    readonly state: BackupView['state'];
    readonly inSync: boolean;
    readonly acked: Epoch;
    readonly ran: Epoch;
    readonly lagMs: number;
    readonly heartbeatsMissing: boolean;
  }[];
}

// A reply usually follows a reply: for this long after an output each record is sent by itself.
const talkativeMs = 20;
const batchMs = 3;
const recordsBytesMax = 256 * 1024;
// Four heartbeats lost in a row are weather turned into a failure (§2.3); ten leave room for a GC.
const heartbeatsPerTimeout = 10;

function report(what: RoleReport): RoleEffect {
  return { kind: 'report', report: what };
}
function vcpu(command: VcpuCommand): RoleEffect {
  return { kind: 'vcpu', command };
}
