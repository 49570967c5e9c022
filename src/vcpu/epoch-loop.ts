import { pausedAfter } from '../guest/guest-event.js';
import type { LogRecord } from '../log/log-record.js';
import { unreachable } from '../unreachable.js';
import type { Epoch } from '../units.js';
import type { EpochResult, EpochRunner } from './epoch-runner.js';
import { GuestCrash } from './guest-crash.js';
import { LiveClock } from './live-clock.js';
import { PendingEvents } from './pending-events.js';
import { ToldEvents } from './told-events.js';
import type { VcpuCommand } from './vcpu-message.js';
import type { VcpuEvent } from './vcpu.js';

/** How the loop meets the other thread. */
export interface LoopPort {
  /** The commands that have come since the last call; empty without a wait. */
  take(): readonly VcpuCommand[];
  /** Sleeps until a command has come that `take` did not return, or `timeoutMs` have passed. */
  sleep(timeoutMs: number): void;
  post(events: readonly VcpuEvent[]): void;
}

// A replica that catches up reports in batches; one that follows reports each epoch as it comes.
const replayedPerPost = 8;

/**
 * The life of a vCPU: replaying → live → over.
 *
 * ```
 *            goLive            power off, crash
 * replaying ───────▶ live ────────────────────▶ over
 *     └──────────────── diverged, crash, power off ──▶ over
 * ```
 * Source: FT paper §2.1 (records before the run) and §2.3 (going live touches no machine state).
 */
export class EpochLoop {
  readonly #runner: EpochRunner;
  readonly #port: LoopPort;
  readonly #clock: LiveClock;
  readonly #hostNowMs: () => number;
  readonly #pending: PendingEvents;
  readonly #tellsCuts: boolean;
  #state: 'replaying' | 'live' | 'over' = 'replaying';
  #records: LogRecord[] = [];
  #isGoingLive = false;
  #isPaused = false;
  /** A cut was asked for, and what can be done ahead of it is not done. */
  #isCutAsked = false;
  readonly #told = new ToldEvents();

  /** `tellsCuts`: somebody keeps the snapshots of a replay. */
  constructor(runner: EpochRunner, port: LoopPort, hostNowMs: () => number, tellsCuts = false) {
    this.#runner = runner;
    this.#port = port;
    this.#tellsCuts = tellsCuts;
    this.#clock = new LiveClock(hostNowMs);
    this.#hostNowMs = hostNowMs;
    this.#pending = new PendingEvents((completed) => runner.isQuietAfter(completed));
  }

  /** Never returns by itself: the thread is ended from outside. Rejects on a bug. */
  async run(): Promise<never> {
    for (;;) {
      for (const command of this.#port.take()) this.#obey(command);
      if (this.#state === 'replaying') await this.#replayNext();
      else if (this.#state === 'live' && !this.#isPaused) await this.#liveNext();
      else this.#rest(Infinity);
    }
  }

  #obey(command: VcpuCommand): void {
    switch (command.kind) {
      case 'replay':
        this.#records.push(...command.records);
        return;
      case 'goLive':
        this.#isGoingLive = true;
        // A vCPU that is off already goes live as such: its owner need not know.
        if (this.#state === 'over') this.#tell({ kind: 'wentLive', lastEpoch: this.#lastEpoch });
        return;
      case 'inject':
        for (const event of command.events) this.#pending.add(event);
        return;
      case 'cut':
        this.#isCutAsked = true;
        return;
      case 'setSharePercent':
        this.#clock.sharePercent = command.percent;
        return;
      case 'pause':
        this.#isPaused = true;
        return;
      case 'resume':
        this.#isPaused = false;
        return;
      case 'flipBit':
        this.#runner.flipBit(command.addressBytes, command.bit);
        return;
      default:
        unreachable(command);
    }
  }

  async #replayNext(): Promise<void> {
    const record = this.#records.shift();
    if (record) {
      const { before } = record;
      const difference = before && this.#runner.differenceFrom(before);
      if (difference) {
        this.#state = 'over';
        const digests = { ours: this.#runner.lastDigest, theirs: before };
        this.#tell({ kind: 'diverged', epoch: before.epoch, difference, digests });
      } else {
        await this.#runRecord(record);
      }
      if (this.#told.count >= replayedPerPost) this.#post();
    } else if (this.#isGoingLive) {
      this.#state = 'live';
      this.#clock.start(this.#runner.endMs);
      this.#tell({ kind: 'wentLive', lastEpoch: this.#lastEpoch });
    } else {
      this.#rest(Infinity);
    }
  }

  async #liveNext(): Promise<void> {
    if (this.#isCutAsked && this.#runner.prepareCut()) {
      this.#isCutAsked = false;
      this.#pending.isCutWanted = true;
    }
    const { isPaused } = this.#runner;
    // Guest time stands still while the guest is paused, and goes on from there.
    if (isPaused) this.#clock.start(this.#runner.endMs);
    const waitMs = isPaused
      ? this.#pending.hasWorkWhilePaused
        ? 0
        : Infinity
      : this.#clock.waitMs(this.#pending.hasWork);
    if (waitMs > 0) {
      this.#rest(this.#isCutAsked ? 0 : waitMs);
      return;
    }
    const { events, cut } = this.#pending.take();
    const record: LogRecord = {
      epoch: this.#lastEpoch + 1,
      clockMs: isPaused ? this.#runner.endMs : this.#clock.epochClockMs(),
      rounds: cut || pausedAfter(events, isPaused) ? 0 : this.#clock.rounds,
      events,
      cut,
      before: this.#runner.lastDigest,
    };
    this.#tell({ kind: 'recorded', record });
    // A timer that wakes an idle guest seldom wakes it for long: record and epoch are one message.
    if (cut || events.length > 0 || !this.#clock.isIdle) this.#post();
    this.#clock.epochStarted();
    const result = await this.#runRecord(record);
    if (result) this.#clock.epochEnded(this.#runner.endMs, result.sleepMs, result.rounds);
  }

  /** Answers null if the guest did not live to see the end. */
  async #runRecord(record: LogRecord): Promise<EpochResult | null> {
    try {
      const result = record.cut ? this.#runCut(record) : this.#runner.runEpoch(record);
      const { outputs, after } = result;
      this.#tell({ kind: 'ran', epoch: record.epoch, outputs, after });
      if (result.next === 'reboot') await this.#runner.reboot();
      if (result.next === 'off') this.#state = 'over';
      return result;
    } catch (error) {
      if (!(error instanceof GuestCrash)) throw error;
      this.#state = 'over';
      // What it put out before it fell: a kernel's last words are the ones to read.
      const { epoch } = record;
      const outputs = this.#runner.takeOutputs();
      const after = { ...this.#runner.lastDigest, epoch };
      if (outputs.length > 0) this.#tell({ kind: 'ran', epoch, outputs, after });
      this.#tell({ kind: 'crashed', epoch, reason: error.message });
      return null;
    }
  }

  #runCut(record: LogRecord): EpochResult {
    const startedAtMs = this.#hostNowMs();
    const result = this.#runner.runCut(record);
    if (this.#state === 'live' || this.#tellsCuts) {
      const snapshot = this.#runner.snapshot();
      const pauseMs = this.#hostNowMs() - startedAtMs;
      this.#tell({ kind: 'cutTaken', epoch: record.epoch, snapshot, pauseMs });
    }
    return result;
  }

  get #lastEpoch(): Epoch {
    return this.#runner.lastEpoch;
  }

  #tell(event: VcpuEvent): void {
    this.#told.add(event, this.#hostNowMs());
  }

  /** What somebody may wait for does not wait while the thread sleeps. */
  #rest(timeoutMs: number): void {
    const isLive = this.#state === 'live' && !this.#isPaused;
    const mayKeep = isLive && this.#told.mayKeep(timeoutMs, this.#hostNowMs());
    if (!mayKeep && this.#told.count > 0) {
      if (this.#state === 'live') this.#tell({ kind: 'rested' });
      this.#post();
    }
    this.#port.sleep(timeoutMs);
  }

  #post(): void {
    if (this.#told.count > 0) this.#port.post(this.#told.take());
  }
}
