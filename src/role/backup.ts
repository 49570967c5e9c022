import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import { StateReceiver } from '../channel/state-transfer.js';
import {
  PROTOCOL_VERSION,
  type GuestEnd,
  type Records,
  type WireMessage,
} from '../channel/wire-message.js';
import { PendingIo } from '../disk/pending-io.js';
import type { GuestOutput } from '../guest/guest-output.js';
import { LogBuffer } from '../log/log-buffer.js';
import type { ConsoleOffset, Epoch, Generation } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import { FailureDetector } from './failure-detector.js';
import type { RoleEffect, RoleEnd, RoleReport } from './role-effect.js';
import type { PeerId, RoleInput } from './role-input.js';
import type { RoleSettings } from './role-settings.js';

/**
 * A replica that follows: takes the primary's state, replays its records, and goes live if it may.
 *
 * ```
 * greeting ─▶ receiving ─▶ replaying ─▶ claiming ─▶ goingLive ─▶ (a Primary)
 *  hello       the state    records      the          to the end
 *                           and acks     test-and-set of the log
 *                 │             │            │
 *                 ▼             ▼            ▼
 *              rejoin: lost the primary before it was in sync, diverged, or lost the claim
 * ```
 * Shape:  `step` takes an input and the time and returns effects, in order.
 * Source: FT paper §2.3 (going live), §3.2 (acks on receipt), §3.4 (pending disk operations).
 */
export class Backup {
  readonly #settings: RoleSettings;
  readonly #peer: PeerId;
  readonly #detector: FailureDetector;
  readonly #log: LogBuffer;
  readonly #pendingIo = new PendingIo();
  #phase: 'greeting' | 'receiving' | 'replaying' | 'claiming' | 'goingLive' | 'over' = 'greeting';
  #primary: ReplicaIdentity | null = null;
  #heartbeatTo: string | null = null;
  #generation: Generation = 0;
  #isInSync = false;
  #state: StateReceiver | null = null;
  #received: Epoch = 0;
  #ran: Epoch = 0;
  #ackedRan: Epoch = 0;
  #consoleOffset: ConsoleOffset = 0;
  /** Frames of epochs the primary has not said it released, oldest first. */
  #frames: { readonly epoch: Epoch; readonly frame: Uint8Array }[] = [];
  #guestEnd: GuestEnd | null = null;
  #goodbye: GuestEnd | null = null;
  #channelIsDown = false;
  #readingPaused = false;
  #lostAtMs = 0;
  #channelDownAtMs = 0;
  #probeAtMs = Number.POSITIVE_INFINITY;
  #askAtMs = Number.POSITIVE_INFINITY;
  #asked = 0;
  #retryClaimAtMs = Number.POSITIVE_INFINITY;
  #heartbeatAtMs = Number.NEGATIVE_INFINITY;
  #sentAtMs: number;

  constructor(settings: RoleSettings, peer: PeerId, nowMs: number) {
    this.#settings = settings;
    this.#peer = peer;
    this.#detector = new FailureDetector(settings.failureTimeoutMs, nowMs);
    this.#log = new LogBuffer(settings.logBufferBytesMax);
    this.#sentAtMs = nowMs;
  }

  step(input: RoleInput, nowMs: number): RoleEffect[] {
    if (this.#phase === 'over') return [];
    switch (input.kind) {
      case 'peerOpened':
        return [this.#send(this.#hello(), nowMs)];
      case 'peerMessage':
        if (this.#phase === 'claiming' || this.#phase === 'goingLive') return [];
        this.#detector.heardOnChannel(nowMs);
        return this.#message(input.message, nowMs);
      case 'peerEnded':
        return this.#channelDown(input.why, nowMs);
      case 'heartbeat':
        if (input.from === this.#primary?.replica) this.#detector.heardHeartbeat(nowMs);
        return [];
      case 'probed':
        if (!this.#channelIsDown) return [];
        if (input.outcome === 'gone') return this.#suspect('its process is gone', nowMs);
        // A process that is being killed closes its link a moment before its port.
        if (nowMs - this.#channelDownAtMs < dyingMs) this.#probeAtMs = nowMs;
        return [];
      case 'vcpu':
        return this.#vcpuEvent(input.event, nowMs);
      case 'claimAnswered':
        return this.#claimAnswered(input.outcome, nowMs);
      case 'generationsRead': {
        const { latest } = input;
        if (this.#phase !== 'replaying' || latest === 'unreachable') return [];
        if (latest.generation <= this.#generation || this.#mayFollow(latest.inSync)) return [];
        return this.#end({
          kind: 'rejoin',
          why: `generation ${latest.generation} began without this backup`,
        });
      }
      case 'tick':
        return this.#tick(nowMs);
      case 'leave':
        return [
          this.#send({ kind: 'goodbye', end: { kind: 'leaving' } }, nowMs),
          ...this.#end({ kind: 'left' }),
        ];
      case 'guestEvent':
      case 'diskFinished':
        return [];
    }
  }

  #hello(): WireMessage {
    const { vm, identity, build, machine } = this.#settings.self;
    const { heartbeatTo } = this.#settings;
    const protocol = PROTOCOL_VERSION;
    return { kind: 'hello', protocol, vm, identity, heartbeatTo, build, machine };
  }

  #message(message: WireMessage, nowMs: number): RoleEffect[] {
    switch (message.kind) {
      case 'welcome': {
        this.#primary = message.identity;
        this.#heartbeatTo = message.heartbeatTo;
        this.#generation = message.generation;
        this.#phase = 'receiving';
        const { replica } = message.identity;
        return [report({ kind: 'welcomed', replica, generation: message.generation })];
      }
      case 'refusal':
        return this.#end({ kind: 'refused', refusal: message });
      case 'stateBegin':
        this.#state = new StateReceiver(message);
        return [];
      case 'statePages': {
        if (!this.#state) return this.#violation('state pages before their beginning');
        const receivedBytes = this.#state.pages(message);
        return [this.#send({ kind: 'stateAck', receivedBytes }, nowMs)];
      }
      case 'stateEnd': {
        if (!this.#state) return this.#violation('the end of a state before its beginning');
        const snapshot = this.#state.end();
        this.#state = null;
        this.#phase = 'replaying';
        this.#received = snapshot.epoch;
        this.#ran = snapshot.epoch;
        this.#consoleOffset = snapshot.consoleOffset;
        const { epoch } = snapshot;
        return [
          { kind: 'startVcpu', snapshot },
          report({ kind: 'stateReceived', epoch, bytes: snapshot.state.byteLength }),
        ];
      }
      case 'records':
        return this.#records(message, nowMs);
      case 'inSync': {
        this.#generation = message.generation;
        if (this.#isInSync) return [];
        this.#isInSync = true;
        return [report({ kind: 'inSync', generation: message.generation })];
      }
      case 'goodbye':
        if (message.end.kind === 'leaving') return this.#suspect('it is leaving', nowMs);
        this.#goodbye = message.end;
        return this.#endIfDone();
      case 'keepAlive':
        return [];
      case 'hello':
      case 'ack':
      case 'stateAck':
      case 'diverged':
        return this.#violation(`${message.kind}, which only a backup sends`);
    }
  }

  #records({ records, released }: Records, nowMs: number): RoleEffect[] {
    if (this.#phase !== 'replaying') return this.#violation('records before the state');
    for (const record of records) {
      if (record.epoch !== this.#received + 1) {
        return this.#violation(`epoch ${record.epoch} after epoch ${this.#received}`);
      }
      this.#received = record.epoch;
      this.#log.append(record);
    }
    this.#frames = this.#frames.filter(({ epoch }) => epoch > released);
    const effects: RoleEffect[] = [this.#ack(nowMs), vcpu({ kind: 'replay', records })];
    if (this.#log.isFull && !this.#readingPaused) {
      this.#readingPaused = true;
      effects.push({ kind: 'pauseReading', peer: this.#peer });
    }
    return effects;
  }

  #vcpuEvent(event: VcpuEvent, nowMs: number): RoleEffect[] {
    switch (event.kind) {
      case 'ran': {
        this.#ran = event.epoch;
        const [record] = this.#log.from(event.epoch, 0);
        // In this order: what completes here was issued in an earlier epoch.
        if (record?.epoch === event.epoch) this.#pendingIo.completed(record.events);
        this.#log.dropThrough(event.epoch);
        this.#pendingIo.issued(event.outputs);
        const effects = event.outputs.flatMap((output) => this.#replayed(output, event.epoch));
        if (this.#readingPaused && this.#log.hasRoom) {
          this.#readingPaused = false;
          this.#detector.heardOnChannel(nowMs);
          effects.push({ kind: 'resumeReading', peer: this.#peer });
        }
        return [...effects, ...this.#endIfDone()];
      }
      case 'crashed':
        this.#ran = event.epoch;
        this.#guestEnd = { kind: 'crashed', epoch: event.epoch, reason: event.reason };
        return this.#phase === 'goingLive' ? this.#becomePrimary() : this.#endIfDone();
      case 'diverged': {
        const { epoch, difference } = event;
        const why = `diverged from its primary at epoch ${epoch}: ${difference}`;
        return [
          this.#send({ kind: 'diverged', epoch, difference }, nowMs),
          ...this.#end({ kind: 'rejoin', why }),
        ];
      }
      case 'wentLive':
        if (this.#phase !== 'goingLive') return [];
        this.#ran = event.lastEpoch;
        return [
          report({
            kind: 'wentLive',
            epoch: event.lastEpoch,
            sinceLostMs: nowMs - this.#lostAtMs,
          }),
          ...this.#becomePrimary(),
        ];
      case 'recorded':
      case 'cutTaken':
        return [];
    }
  }

  /** Output of a replay never leaves from here (§2.2); some of it must be remembered. */
  #replayed(output: GuestOutput, epoch: Epoch): RoleEffect[] {
    switch (output.kind) {
      case 'consoleBytes':
        this.#consoleOffset = output.offset + output.bytes.byteLength;
        return [{ kind: 'emitConsole', bytes: output.bytes, offset: output.offset }];
      case 'frameSent':
        this.#frames.push({ epoch, frame: output.frame });
        return [];
      case 'powerOff':
        this.#guestEnd = { kind: 'poweredOff', epoch };
        return this.#phase === 'goingLive' ? this.#becomePrimary() : [];
      case 'reboot':
        return [report({ kind: 'rebooted', epoch })];
      case 'diskRead':
      case 'diskWrite':
        return [];
    }
  }

  // --- losing the primary --------------------------------------------------------------------

  #channelDown(why: string, nowMs: number): RoleEffect[] {
    this.#channelIsDown = true;
    this.#channelDownAtMs = nowMs;
    if (this.#goodbye) return this.#endIfDone();
    if (this.#phase === 'claiming' || this.#phase === 'goingLive') return [];
    if (!this.#isInSync) {
      return this.#end({ kind: 'rejoin', why: `lost the primary before it was in sync: ${why}` });
    }
    // A dead process refuses at once: no need to wait for its silence.
    this.#askAtMs = nowMs + askMs;
    return [{ kind: 'probePrimary' }];
  }

  #suspect(why: string, nowMs: number): RoleEffect[] {
    if (this.#phase === 'claiming' || this.#phase === 'goingLive') return [];
    if (!this.#isInSync) {
      return this.#end({ kind: 'rejoin', why: `lost the primary before it was in sync: ${why}` });
    }
    this.#lostAtMs = nowMs;
    this.#phase = 'claiming';
    return [
      report({ kind: 'primaryLost', why }),
      { kind: 'closePeer', peer: this.#peer },
      this.#claim(),
    ];
  }

  #claim(): RoleEffect {
    this.#retryClaimAtMs = Number.POSITIVE_INFINITY;
    return { kind: 'claim', generation: this.#generation + 1, inSync: [], reason: 'takeover' };
  }

  #claimAnswered(outcome: ClaimOutcome, nowMs: number): RoleEffect[] {
    if (this.#phase !== 'claiming') return [];
    switch (outcome.kind) {
      case 'won':
        this.#generation += 1;
        this.#phase = 'goingLive';
        return [
          report({ kind: 'generationClaimed', generation: this.#generation }),
          ...(this.#guestEnd ? this.#becomePrimary() : [vcpu({ kind: 'goLive' })]),
        ];
      case 'lost':
        if (this.#mayFollow(outcome.holder.inSync)) {
          // Our own primary began it, with us, before it died: the next one is ours to claim.
          this.#generation = outcome.holder.generation;
          return [this.#claim()];
        }
        return this.#end({ kind: 'lostClaim', holder: outcome.holder });
      case 'unreachable':
        // Never back to following: that claim may have gone through without our hearing of it.
        this.#retryClaimAtMs = nowMs + askMs;
        return [report({ kind: 'storageUnreachable', why: outcome.why })];
    }
  }

  #mayFollow(inSync: readonly string[]): boolean {
    return inSync.includes(this.#settings.self.identity.replica);
  }

  #becomePrimary(): RoleEffect[] {
    this.#phase = 'over';
    return [
      {
        kind: 'becomePrimary',
        start: {
          generation: this.#generation,
          lastEpoch: this.#ran,
          consoleOffset: this.#consoleOffset,
          pendingDisk: this.#pendingIo.requests(),
          unreleasedFrames: this.#frames.map(({ frame }) => frame),
          guestEnd: this.#guestEnd,
        },
      },
    ];
  }

  // --- ends ----------------------------------------------------------------------------------

  /** The primary said the guest is over; so are we, once we have seen it too. */
  #endIfDone(): RoleEffect[] {
    if (!this.#goodbye) return [];
    if (this.#phase === 'replaying' && this.#ran < this.#goodbye.epoch) return [];
    return this.#end(this.#goodbye);
  }

  #violation(what: string): RoleEffect[] {
    return [
      { kind: 'closePeer', peer: this.#peer },
      ...this.#end({ kind: 'rejoin', why: `the primary broke the protocol: ${what}` }),
    ];
  }

  #end(end: RoleEnd): RoleEffect[] {
    this.#phase = 'over';
    return [{ kind: 'end', end }];
  }

  // --- time ----------------------------------------------------------------------------------

  #tick(nowMs: number): RoleEffect[] {
    const effects: RoleEffect[] = [];
    if (this.#phase === 'claiming') return nowMs >= this.#retryClaimAtMs ? [this.#claim()] : [];
    if (this.#phase === 'goingLive') return [];
    const heartbeatMs = this.#settings.failureTimeoutMs / heartbeatsPerTimeout;
    if (this.#heartbeatTo && nowMs - this.#heartbeatAtMs >= heartbeatMs) {
      this.#heartbeatAtMs = nowMs;
      effects.push({ kind: 'sendHeartbeat', to: this.#heartbeatTo });
    }
    if (this.#phase === 'replaying' && this.#ran > this.#ackedRan) effects.push(this.#ack(nowMs));
    if (nowMs - this.#sentAtMs >= heartbeatMs && this.#phase !== 'greeting') {
      effects.push(this.#send({ kind: 'keepAlive' }, nowMs));
    }
    if (this.#channelIsDown && nowMs >= this.#probeAtMs) {
      this.#probeAtMs = Number.POSITIVE_INFINITY;
      effects.push({ kind: 'probePrimary' });
    }
    if (this.#channelIsDown && nowMs >= this.#askAtMs) {
      this.#askAtMs = nowMs + askMs;
      this.#asked += 1;
      effects.push({ kind: 'probePrimary' }, { kind: 'readGenerations', asked: this.#asked });
    }
    // While we do not read, silence is our own.
    if (this.#readingPaused) this.#detector.heardOnChannel(nowMs);
    if (this.#detector.suspects(nowMs)) {
      effects.push(...this.#suspect('it has been silent too long', nowMs));
    }
    return effects;
  }

  #ack(nowMs: number): RoleEffect {
    this.#ackedRan = this.#ran;
    return this.#send({ kind: 'ack', received: this.#received, ran: this.#ran }, nowMs);
  }

  #send(message: WireMessage, nowMs: number): RoleEffect {
    this.#sentAtMs = nowMs;
    return { kind: 'send', peer: this.#peer, message };
  }

  status(): BackupStatus {
    return {
      phase: this.#phase,
      generation: this.#generation,
      primary: this.#primary,
      inSync: this.#isInSync,
      received: this.#received,
      ran: this.#ran,
      logBufferBytes: this.#log.levelBytes,
    };
  }
}

export interface BackupStatus {
  readonly phase: string;
  readonly generation: Generation;
  readonly primary: ReplicaIdentity | null;
  readonly inSync: boolean;
  readonly received: Epoch;
  readonly ran: Epoch;
  readonly logBufferBytes: number;
}

const heartbeatsPerTimeout = 10;
const askMs = 100;
const dyingMs = 200;

function report(what: RoleReport): RoleEffect {
  return { kind: 'report', report: what };
}
function vcpu(
  command: { kind: 'goLive' } | { kind: 'replay'; records: Records['records'] },
): RoleEffect {
  return { kind: 'vcpu', command };
}
