import { pausedAfter, type GuestEvent } from '../guest/guest-event.js';
import type { Snapshot } from '../guest/snapshot.js';
import { firstDifference, type StateDigest } from '../guest/state-digest.js';
import type { Clock } from '../host/clock.js';
import type { LogRecord } from '../log/log-record.js';
import { LiveClock } from '../vcpu/live-clock.js';
import { PendingEvents } from '../vcpu/pending-events.js';
import { ToldEvents } from '../vcpu/told-events.js';
import type { Vcpu, VcpuEvent } from '../vcpu/vcpu.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';
import { ToyCrash, ToyGuest } from './toy-guest.js';
import type { GuestMood } from './toy-memory.js';

/** How fast a vCPU runs, in ms of the world. */
export interface VcpuPace {
  /** From the start of an epoch to its end. */
  readonly epochMs: number;
  /** Between epochs of a guest that has nothing to do. */
  readonly sleepMs: number;
  /** From the vCPU's thread to the control plane. */
  readonly hopMs: number;
  /** To make one, or to restore a state into one. */
  readonly buildMs: number;
  /** How many times slower than its epochs a host is now. */
  readonly slowness: () => number;
}

/**
 * A toy guest on a thread of its own: the life that `EpochLoop` leads over v86, on the world's
 * timeline. What decides when an epoch starts and what is in it is the production code of vcpu/.
 */
export class SimVcpu implements Vcpu {
  readonly #timeline: Timeline;
  readonly #process: SimProcess;
  readonly #pace: VcpuPace;
  readonly #tellOwner: (event: VcpuEvent) => void;
  readonly #tellsCuts: boolean;
  readonly guest: ToyGuest;
  readonly #clock: LiveClock;
  readonly #pending: PendingEvents;
  #state: 'replaying' | 'live' | 'over' = 'replaying';
  #records: LogRecord[] = [];
  #isGoingLive = false;
  #isPaused = false;
  #isRunning = false;
  #isClosed = false;
  #before: StateDigest;
  #cancelWait: () => void = () => undefined;
  readonly #told = new ToldEvents();
  readonly #hostNowMs: () => number;

  constructor(
    world: {
      readonly timeline: Timeline;
      readonly process: SimProcess;
      readonly clock: Clock;
    },
    machine: {
      readonly mood: GuestMood;
      readonly pace: VcpuPace;
      readonly snapshot: Snapshot | null;
      readonly tellsCuts: boolean;
    },
    tell: (event: VcpuEvent) => void,
  ) {
    this.#timeline = world.timeline;
    this.#process = world.process;
    this.#pace = machine.pace;
    this.#tellOwner = tell;
    this.#tellsCuts = machine.tellsCuts;
    this.guest = new ToyGuest(machine.mood, machine.snapshot);
    this.#before = this.guest.digest();
    this.#hostNowMs = () => world.clock.nowMs();
    this.#clock = new LiveClock(this.#hostNowMs);
    this.#pending = new PendingEvents((completed) => this.guest.isQuietAfter(completed));
  }

  replay(records: readonly LogRecord[]): void {
    this.#records.push(...records);
    this.#wake();
  }
  goLive(): void {
    this.#isGoingLive = true;
    if (this.#state === 'over') this.#tell({ kind: 'wentLive', lastEpoch: this.guest.lastEpoch });
    this.#wake();
  }
  inject(event: GuestEvent): void {
    this.#pending.add(event);
    this.#wake();
  }
  cut(): void {
    this.#pending.isCutWanted = true;
    this.#wake();
  }
  setSharePercent(percent: number): void {
    this.#clock.sharePercent = percent;
  }
  pause(): void {
    this.#isPaused = true;
    this.#wake();
  }
  resume(): void {
    this.#isPaused = false;
    this.#wake();
  }
  close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelWait();
    this.#timeline.isUnsettled = true;
    return Promise.resolve();
  }

  /** Looks again at what there is to do, unless an epoch runs. */
  #wake(): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#cancelWait();
    if (this.#state === 'replaying') this.#replayNext();
    else if (this.#state === 'live' && !this.#isPaused) this.#liveNext();
    else this.#rest(Infinity);
  }

  #wait(delayMs: number): void {
    this.#cancelWait = this.#timeline.after(delayMs, () =>
      this.#process.enter(() => {
        this.#wake();
      }, true),
    );
  }

  #replayNext(): void {
    const record = this.#records.shift();
    if (record) {
      const { before } = record;
      const difference = before && firstDifference(this.#before, before);
      if (difference) {
        this.#state = 'over';
        const digests = { ours: this.#before, theirs: before };
        this.#tell({ kind: 'diverged', epoch: before.epoch, difference, digests });
      } else {
        this.#run(record, () => undefined);
      }
    } else if (this.#isGoingLive) {
      this.#state = 'live';
      this.#clock.start(this.guest.endMs);
      this.#tell({ kind: 'wentLive', lastEpoch: this.guest.lastEpoch });
      this.#wake();
    }
  }

  #liveNext(): void {
    const { isPaused } = this.guest;
    if (isPaused) {
      if (!this.#pending.hasWorkWhilePaused) return this.#rest(Infinity);
      this.#clock.start(this.guest.endMs);
    }
    const waitMs = isPaused ? 0 : this.#clock.waitMs(this.#pending.hasWork);
    if (waitMs > 0) {
      this.#rest(waitMs);
      // A wait too short for the world's clock to move would never be over.
      this.#wait(Math.max(waitMs, waitMsMin));
      return;
    }
    const { events, cut } = this.#pending.take();
    const record: LogRecord = {
      epoch: this.guest.lastEpoch + 1,
      clockMs: isPaused ? this.guest.endMs : this.#clock.epochClockMs(),
      rounds: cut || pausedAfter(events, isPaused) ? 0 : 1,
      events,
      cut,
      before: this.#before,
    };
    this.#tell({ kind: 'recorded', record });
    if (cut || events.length > 0 || !this.#clock.isIdle) this.#post();
    this.#clock.epochStarted();
    this.#run(record, () => {
      this.#clock.epochEnded(this.guest.endMs, this.#pace.sleepMs);
    });
  }

  /** The guest's part happens at once; the thread is busy for as long as it would have taken. */
  #run(record: LogRecord, whenDone: () => void): void {
    this.#isRunning = true;
    this.#timeline.after(this.#pace.epochMs * this.#pace.slowness(), () =>
      this.#process.enter(() => {
        this.#isRunning = false;
        if (this.#isClosed) return;
        this.#finish(record);
        whenDone();
        this.#wake();
      }, true),
    );
  }

  #finish(record: LogRecord): void {
    try {
      const { outputs, next } = this.guest.run(record);
      this.#before = this.guest.digest();
      this.#tell({ kind: 'ran', epoch: record.epoch, outputs, after: this.#before });
      if (record.cut && (this.#state === 'live' || this.#tellsCuts)) {
        this.#tell({
          kind: 'cutTaken',
          epoch: record.epoch,
          snapshot: this.guest.snapshot(),
          pauseMs: this.#pace.epochMs,
        });
      }
      if (next === 'off') this.#state = 'over';
    } catch (error) {
      if (!(error instanceof ToyCrash)) throw error;
      this.#state = 'over';
      this.#tell({ kind: 'crashed', epoch: record.epoch, reason: error.message });
    }
  }

  #tell(event: VcpuEvent): void {
    this.#told.add(event, this.#hostNowMs());
    if (this.#state !== 'live') this.#post();
  }

  #rest(sleepMs: number): void {
    if (this.#told.count === 0) return;
    const isLive = this.#state === 'live' && !this.#isPaused;
    if (isLive && this.#told.mayKeep(sleepMs, this.#hostNowMs())) return;
    if (this.#state === 'live') this.#tell({ kind: 'rested' });
    this.#post();
  }

  #post(): void {
    if (this.#told.count === 0) return;
    const events = this.#told.take();
    this.#timeline.after(this.#pace.hopMs, () =>
      this.#process.enter(() => {
        for (const event of events) if (!this.#isClosed) this.#tellOwner(event);
      }),
    );
  }
}

const waitMsMin = 0.001;
