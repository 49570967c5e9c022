import { assert } from '../assert.js';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { HandshakeSelf } from '../channel/handshake.js';
import { StateSender } from '../channel/state-transfer.js';
import type { Hello, WireMessage } from '../channel/wire-message.js';
import type { LogHistory, Stand } from '../log/log-history.js';
import type { Generation } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import { admissionRefusal } from './admission.js';
import type { BackupDisks } from './backup-disks.js';
import type { BackupSet } from './backup-set.js';
import { BackupView } from './backup-view.js';
import type { GenerationGuard } from './generation-guard.js';
import type { Membership } from './membership.js';
import type { GuestOutlet } from './guest-outlet.js';
import { LifeSignPace } from './life-sign-pace.js';
import type { LogSender } from './log-sender.js';
import type { Redundancy } from './redundancy.js';
import type { RoleEffect, RoleReport } from './role-effect.js';
import type { PeerId } from './role-input.js';
import type { SlowBackups } from './slow-backups.js';

/** What the desk works with; all of it is the primary's. */
export interface DeskParts {
  readonly settings: {
    readonly self: HandshakeSelf;
    readonly heartbeatTo: string;
    readonly willWord: string;
    readonly failureTimeoutMs: number;
    readonly lagMsTarget: number;
  };
  readonly redundancy: Redundancy;
  readonly backups: BackupSet;
  readonly log: LogSender;
  readonly history: LogHistory;
  readonly outlet: GuestOutlet;
  readonly disks: BackupDisks;
  readonly guard: GenerationGuard;
  readonly membership: Membership;
  readonly slow: SlowBackups;
}

/**
 * The primary's side of its backups: takes them in, sends them state and log, hears their acks, and
 * loses them.
 *
 * Shape:  answers effects, in order. What an ack or a loss lets out, the caller looks after each call.
 * Errors: none: a peer that breaks the protocol is lost like one that dies.
 * Source: FT paper §3.1 (starting a backup), §3.2 (log and acks).
 */
export class BackupDesk {
  readonly #parts: DeskParts;
  /** In which we went live: no seat of ours is one of an earlier time. */
  readonly #since: Generation;
  readonly #pace: LifeSignPace;
  #seats = 0;
  #isCutAsked = false;
  #heartbeatAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.#since = parts.guard.generation;
    this.#pace = new LifeSignPace(parts.settings.failureTimeoutMs);
  }

  // --- what backups say ----------------------------------------------------------------------

  hello(peer: PeerId, hello: Hello, nowMs: number, isLeaving: boolean): RoleEffect[] {
    const { settings, backups, history, slow, outlet, guard, redundancy } = this.#parts;
    const { replica } = hello.identity;
    const earlier = backups.named(replica);
    const refusal = admissionRefusal(hello, settings.self, {
      isEnding: outlet.ending !== null || isLeaving,
      isFull: !earlier && backups.isFull,
      commit: redundancy.commit,
      awayForMs: slow.awayForMs(replica, nowMs),
      whyParted: hello.stand && history.whyParted(hello.stand),
    });
    if (refusal) {
      return [
        { kind: 'send', peer, message: refusal },
        { kind: 'closePeer', peer },
        report({ kind: 'joinRefused', why: refusal.why }),
      ];
    }
    // One link for each replica: whoever connects again has given up the link before.
    const effects = this.lose(earlier, 'it has connected again');
    this.#seats += 1;
    const seat = `${this.#since}.${this.#seats}`;
    const who = { ...hello, seat };
    const backup = new BackupView(peer, who, settings.failureTimeoutMs, nowMs);
    backups.add(backup);
    const welcome = {
      kind: 'welcome',
      identity: settings.self.identity,
      generation: guard.generation,
      heartbeatTo: settings.heartbeatTo,
      willWord: settings.willWord,
      redundancy,
      lineage: history.lineage,
      seat,
    } as const;
    return [
      ...effects,
      { kind: 'addWill', to: hello.heartbeatTo, word: hello.willWord },
      this.#send(backup, welcome, nowMs),
      ...(hello.stand ? this.#goOn(backup, hello.stand, nowMs) : this.#joining(backup)),
    ];
  }

  #joining({ identity: { replica } }: BackupView): RoleEffect[] {
    return [report({ kind: 'backupJoining', replica }), ...this.cut()];
  }

  /** It has been a backup of this guest, and lacks records only. */
  #goOn(backup: BackupView, stand: Stand, nowMs: number): RoleEffect[] {
    const { log, history } = this.#parts;
    const { replica } = backup.identity;
    log.recall(history.since(stand));
    backup.goOn(stand, log.recorded, nowMs);
    return [
      report({ kind: 'backupRejoining', replica, epoch: stand.received }),
      ...this.sendRecords(nowMs),
    ];
  }

  message(backup: BackupView, message: WireMessage, nowMs: number): RoleEffect[] {
    const { disks, log } = this.#parts;
    backup.detector.heardOnChannel(nowMs);
    switch (message.kind) {
      case 'ack': {
        const wrong = backup.ack(message, nowMs);
        if (wrong) return this.lose(backup, wrong);
        log.forget();
        return this.#advance(backup, nowMs);
      }
      case 'stateAck': {
        const wrong = backup.stateAck(message.receivedBytes, nowMs);
        return wrong ? this.lose(backup, wrong) : this.#continueTransfer(backup, nowMs);
      }
      case 'diverged': {
        const { epoch, difference } = message;
        const { replica } = backup.identity;
        return [
          report({ kind: 'backupDiverged', replica, epoch, difference }),
          ...this.lose(backup, `it diverged at epoch ${epoch}: ${difference}`),
        ];
      }
      case 'diskAsk': {
        const wrong = disks.asked(backup, message);
        return wrong ? this.lose(backup, wrong) : [];
      }
      case 'diskSynced':
        disks.synced(backup, log.recorded);
        return this.#advance(backup, nowMs);
      case 'goodbye':
        return this.lose(backup, 'it said goodbye');
      case 'keepAlive':
      case 'ready':
        return [];
      case 'hello':
        return this.lose(backup, 'it said hello twice');
      case 'welcome':
      case 'refusal':
      case 'stateBegin':
      case 'statePages':
      case 'stateEnd':
      case 'records':
      case 'diskAnswer':
      case 'inSync':
      case 'handOver':
        return this.lose(backup, `it sent ${message.kind}, which only a primary does`);
    }
  }

  // --- what they are sent --------------------------------------------------------------------

  /** Asks the vCPU for its state, once for all who wait for it. */
  cut(): RoleEffect[] {
    if (this.#isCutAsked) return [];
    this.#isCutAsked = true;
    return [{ kind: 'vcpu', command: { kind: 'cut' } }];
  }

  sendState(
    { epoch, snapshot, pauseMs }: Extract<VcpuEvent, { kind: 'cutTaken' }>,
    nowMs: number,
  ): RoleEffect[] {
    const { backups, log } = this.#parts;
    assert(epoch === log.recorded, `state of epoch ${epoch} after ${log.recorded}`);
    const stateBytes = snapshot.state.byteLength;
    const awaiting = backups.all().filter(({ state }) => state === 'awaitingCut');
    const kind = awaiting.length > 0 ? 'stateCut' : 'snapshotCut';
    const effects: RoleEffect[] = [report({ kind, pauseMs, stateBytes })];
    this.#isCutAsked = false;
    for (const backup of awaiting) {
      backup.beginTransfer(new StateSender(snapshot), epoch, nowMs);
      effects.push(...this.#continueTransfer(backup, nowMs));
    }
    return effects;
  }

  /** `isAwaited`: an output may wait for their acks. */
  sendRecords(nowMs: number, { isAwaited } = { isAwaited: true }): RoleEffect[] {
    const { log, outlet, disks } = this.#parts;
    const { released, consoleReleased } = outlet;
    return log.flush(nowMs).map(({ backup, records: complete }) => {
      const records = disks.recordsFor(backup, complete);
      const message = { kind: 'records', records, released, consoleReleased, isAwaited } as const;
      return this.#send(backup, message, nowMs);
    });
  }

  diskAnswer(
    backup: BackupView,
    answer: Extract<WireMessage, { kind: 'diskAnswer' }>,
    nowMs: number,
  ): RoleEffect {
    return this.#send(backup, answer, nowMs);
  }

  /** A generation is ours: whoever is in sync is so in this one. */
  generationWon(nowMs: number): RoleEffect[] {
    const { backups, guard, membership } = this.#parts;
    const { generation } = guard;
    const joined = membership.claimWon();
    const tell = backups
      .inSync()
      .map((backup) => this.#send(backup, { kind: 'inSync', generation }, nowMs));
    return [
      report({ kind: 'generationClaimed', generation }),
      this.#noteRoster(),
      ...tell,
      ...joined.map((backup) => isInSync(backup, nowMs)),
    ];
  }

  /** Asks the one who is to be live next to claim ahead. */
  handOver(heir: BackupView, nowMs: number): RoleEffect[] {
    return [this.#send(heir, { kind: 'handOver' }, nowMs)];
  }

  goodbye(message: WireMessage): RoleEffect[] {
    return this.#parts.backups.all().map(({ peer }) => ({ kind: 'send', peer, message }));
  }

  // --- how far they are ----------------------------------------------------------------------

  #continueTransfer(backup: BackupView, nowMs: number): RoleEffect[] {
    if (!backup.transfer) return [];
    const effects = backup.transfer.next().map((message) => this.#send(backup, message, nowMs));
    if (!backup.transfer.isDone) return effects;
    backup.endTransfer(this.#parts.log.recorded, nowMs);
    return [...effects, ...this.sendRecords(nowMs)];
  }

  /** A backup that is close behind becomes awaited; one that has everything becomes in sync. */
  #advance(backup: BackupView, nowMs: number): RoleEffect[] {
    const { settings, disks, log, guard, outlet, membership } = this.#parts;
    const isClose = backup.lag.lagMs(nowMs) <= settings.lagMsTarget;
    if (backup.state === 'catchingUp' && isClose && disks.isReady(backup)) {
      backup.state = 'required';
      backup.requiredEpoch = log.recorded;
      disks.becameRequired(backup, log.recorded);
    }
    const has = Math.min(backup.acked, backup.durable);
    if (backup.state !== 'required' || has < backup.requiredEpoch) return [];
    // What was said before its state was cut and still waits for another backup, it could not repeat.
    if (outlet.released < backup.cutEpoch || !membership.caughtUp(backup)) return [];
    return [
      this.#noteRoster(),
      this.#send(backup, { kind: 'inSync', generation: guard.generation }, nowMs),
      isInSync(backup, nowMs),
    ];
  }

  #noteRoster(): RoleEffect {
    const { backups, guard } = this.#parts;
    const inSync: ReplicaIdentity[] = backups.inSync().map(({ identity }) => identity);
    return { kind: 'noteRoster', generation: guard.generation, inSync };
  }

  lose(backup: BackupView | undefined, why: string): RoleEffect[] {
    if (!backup) return [];
    const { backups, disks, log, membership } = this.#parts;
    const { peer, identity } = backup;
    backups.remove(backup);
    disks.forget(backup);
    log.forget();
    return [
      { kind: 'closePeer', peer },
      report({ kind: 'backupLost', replica: identity.replica, why }),
      ...membership.lost(backup),
    ];
  }

  // --- time ----------------------------------------------------------------------------------

  tick(nowMs: number): RoleEffect[] {
    const { backups } = this.#parts;
    const effects: RoleEffect[] = [];
    const isQuiet = backups.isQuiet(nowMs);
    const heartbeatDue = nowMs - this.#heartbeatAtMs >= this.#pace.heartbeatEveryMs(isQuiet);
    const keepAliveEveryMs = this.#pace.keepAliveEveryMs(isQuiet);
    if (heartbeatDue) this.#heartbeatAtMs = nowMs;
    for (const backup of backups.all()) {
      if (heartbeatDue) effects.push({ kind: 'sendHeartbeat', to: backup.heartbeatTo });
      if (nowMs - backup.sentAtMs >= keepAliveEveryMs) {
        effects.push(this.#send(backup, { kind: 'keepAlive' }, nowMs));
      }
      const why = backup.whyDead(nowMs);
      effects.push(...(why === null ? this.#advance(backup, nowMs) : this.lose(backup, why)));
    }
    return effects;
  }

  #send(backup: BackupView, message: WireMessage, nowMs: number): RoleEffect {
    backup.sentAtMs = nowMs;
    return { kind: 'send', peer: backup.peer, message };
  }
}

function isInSync({ identity, joinedAtMs }: BackupView, nowMs: number): RoleEffect {
  const { replica } = identity;
  return report({ kind: 'backupInSync', replica, joinMs: nowMs - joinedAtMs });
}
function report(what: RoleReport): RoleEffect {
  return { kind: 'report', report: what };
}
