import { nothingInHand } from '../disk/own-disk.js';
import type { Snapshot } from '../guest/snapshot.js';
import { noPast } from '../log/log-history.js';
import type { Epoch, Generation } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import { JournalDivergedError } from './journal-diverged-error.js';
import { defaultRedundancy, type Redundancy } from './redundancy.js';
import { ReplayedGuest } from './replayed-guest.js';
import type { RoleEffect, RoleReport } from './role-effect.js';
import type { RoleInput } from './role-input.js';
import type { RoleSettings } from './role-settings.js';

/** Where a journal begins and ends, and the generation that is ours to go live in. */
export interface ResumeStart {
  readonly generation: Generation;
  readonly snapshot: Snapshot | null;
  readonly lastEpoch: Epoch;
}

/**
 * A replica that goes on where all replicas died: it runs the log of a journal again, from a snapshot
 * or from power-on, and goes live at its end. What a backup does after the death of its primary, with
 * the log from a disk; disk operations without a completion in the log are issued again (§3.4).
 *
 * ```
 * replaying ─▶ goingLive ─▶ (a Primary)
 * ```
 * Shape:  `step` takes an input and the time and returns effects, in order.
 * Errors: `JournalDivergedError`. What left in epochs the journal does not have, it cannot know: with
 *         `JournalSettings.sync` there is none.
 */
export class Resuming {
  readonly #start: ResumeStart;
  readonly #redundancy: Redundancy;
  readonly #guest: ReplayedGuest;
  readonly #from: Epoch;
  readonly #beganAtMs: number;
  #isReading = true;
  #isRead = false;
  #isOver = false;
  #isGoingLive = false;
  #toldAtMs: number;

  constructor(settings: RoleSettings, start: ResumeStart, nowMs: number) {
    this.#start = start;
    this.#redundancy = { ...defaultRedundancy, ...settings.redundancy };
    const base = start.snapshot ?? atPowerOn;
    this.#from = base.epoch;
    this.#guest = new ReplayedGuest(base, settings.logBufferBytesMax, noPast(start.generation));
    this.#beganAtMs = nowMs;
    this.#toldAtMs = nowMs;
  }

  begin(): RoleEffect[] {
    const { snapshot, lastEpoch } = this.#start;
    return [
      report({ kind: 'resuming', from: this.#from, through: lastEpoch }),
      { kind: 'startVcpu', snapshot },
      { kind: 'readJournal' },
    ];
  }

  step(input: RoleInput, nowMs: number): RoleEffect[] {
    if (this.#isOver) return [];
    switch (input.kind) {
      case 'journalRead':
        return this.#read(input);
      case 'vcpu':
        return this.#vcpuEvent(input.event, nowMs);
      case 'tick':
        return this.#tell(nowMs);
      case 'leave':
        this.#isOver = true;
        return [{ kind: 'end', end: { kind: 'left' } }];
      case 'peerMessage':
        return [{ kind: 'closePeer', peer: input.peer }];
      case 'peerOpened':
      case 'peerEnded':
      case 'heartbeat':
      case 'lastWill':
      case 'claimAnswered':
      case 'generationsRead':
      case 'probed':
      case 'memberAnswered':
      case 'journalDurable':
      case 'diskFinished':
      case 'diskDigested':
      case 'diskCompared':
      case 'handOver':
      case 'guestEvent':
        return [];
    }
  }

  #read({ records, isLast }: Extract<RoleInput, { kind: 'journalRead' }>): RoleEffect[] {
    this.#isReading = false;
    this.#isRead = isLast;
    // What left and what did not is not known; a network may lose what is in doubt.
    const released = records.at(-1)?.epoch ?? 0;
    this.#guest.receive({ records, released });
    return [{ kind: 'vcpu', command: { kind: 'replay', records } }, ...this.#goOn()];
  }

  #vcpuEvent(event: VcpuEvent, nowMs: number): RoleEffect[] {
    switch (event.kind) {
      case 'ran':
        return [...this.#guest.epochRan(event), ...this.#goOn()];
      case 'crashed':
        this.#guest.crashed(event);
        return this.#becomePrimary(nowMs);
      case 'diverged':
        throw new JournalDivergedError(event.epoch, event.difference);
      case 'wentLive':
        return this.#becomePrimary(nowMs);
      case 'recorded':
      case 'rested':
      case 'cutTaken':
        return [];
    }
  }

  /** Keeps the vCPU busy, and goes live behind the last record. */
  #goOn(): RoleEffect[] {
    const { ran, received } = this.#guest;
    if (!this.#isRead) {
      if (this.#isReading || received - ran > epochsAheadMax) return [];
      this.#isReading = true;
      return [{ kind: 'readJournal' }];
    }
    if (ran < received || this.#isGoingLive) return [];
    this.#isGoingLive = true;
    return [{ kind: 'vcpu', command: { kind: 'goLive' } }];
  }

  #becomePrimary(nowMs: number): RoleEffect[] {
    this.#isOver = true;
    const { ran } = this.#guest;
    const { generation } = this.#start;
    const known = this.#guest.primaryStart(generation, this.#redundancy, nothingInHand);
    // Whose records these were, nobody knows any more.
    const start = { ...known, past: noPast(generation) };
    const tookMs = nowMs - this.#beganAtMs;
    return [
      report({ kind: 'resumed', epoch: ran, epochs: ran - this.#from, tookMs }),
      { kind: 'becomePrimary', start },
    ];
  }

  #tell(nowMs: number): RoleEffect[] {
    if (nowMs - this.#toldAtMs < progressMs) return [];
    this.#toldAtMs = nowMs;
    const { lastEpoch: through } = this.#start;
    return [report({ kind: 'resumeProgress', epoch: this.#guest.ran, through })];
  }
}

const atPowerOn = { epoch: 0, consoleOffset: 0, lastRequestId: 0, isPaused: false };
const epochsAheadMax = 512;
const progressMs = 1000;

function report(what: RoleReport): RoleEffect {
  return { kind: 'report', report: what };
}
