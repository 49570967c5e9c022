import { pausedAfter, type GuestEvent } from '../guest/guest-event.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { MachineSpec } from '../guest/machine-spec.js';
import type { Snapshot } from '../guest/snapshot.js';
import { firstDifference, type StateDigest } from '../guest/state-digest.js';
import type { LogRecord } from '../log/log-record.js';
import { unreachable } from '../unreachable.js';
import type { Epoch, InstructionCount, VirtualMs } from '../units.js';
import type { BootFiles } from './boot-files.js';
import type { Chance } from './chance.js';
import { DiskRequests } from './disk-requests.js';
import { guestCrashFrom } from './guest-crash.js';
import { digestMachine } from './machine-digest.js';
import { MemoryScrub } from './memory-scrub.js';
import { OutputCollector } from './output-collector.js';
import { ScreenConsole } from './screen-console.js';
import { type MachineParts, type V86Engine, V86Machine } from './v86-machine.js';
import type { VirtualTime } from './virtual-time.js';

/** What an epoch came to. */
export interface EpochResult {
  readonly outputs: readonly GuestOutput[];
  readonly after: StateDigest;
  /** How long the guest may sleep before a timer of its own is due; 0 while it is busy. */
  readonly sleepMs: number;
  /** How many rounds it ran of those its record allowed. */
  readonly rounds: number;
  /** What the caller has to do next: run on, call `reboot`, or nothing any more. */
  readonly next: 'run' | 'reboot' | 'off';
}

export interface RunnerOptions {
  readonly engine: V86Engine;
  readonly spec: MachineSpec;
  readonly files: BootFiles;
  readonly time: VirtualTime;
  readonly chance: Chance;
  /** The last thing v86 wrote to its console, for the reason of a crash. */
  readonly lastWords: () => string;
}

/**
 * Runs the epochs of one VM, across the machines it lives in: a reboot replaces the machine, while epochs, guest time, console offsets and disk request ids go on.
 *
 * Shape:  synchronous where no machine is built. A pure function of the start and the records.
 * Errors: `GuestCrash` where the guest brought the emulator down; all else is a bug.
 */
export class EpochRunner {
  readonly #options: RunnerOptions;
  readonly #parts: MachineParts;
  readonly #outputs: OutputCollector;
  readonly #scrub: MemoryScrub;
  /** Null: the console is the serial port. */
  readonly #screen: ScreenConsole | null;
  #machine: V86Machine;
  #instructions: InstructionCount = 0;
  #counterBefore = 0;
  #lastEpoch: Epoch = 0;
  #endMs: VirtualMs = 0;
  #lastDigest: StateDigest;
  #isPowerPressed = false;
  #isResetPressed = false;
  #isPaused = false;

  private constructor(
    options: RunnerOptions,
    parts: MachineParts,
    outputs: OutputCollector,
    machine: V86Machine,
  ) {
    this.#options = options;
    this.#parts = parts;
    this.#outputs = outputs;
    this.#machine = machine;
    this.#scrub = new MemoryScrub(machine.memoryWords.byteLength);
    this.#screen = options.spec.console === 'screen' ? new ScreenConsole() : null;
    this.#counterBefore = machine.instructionCounter;
    this.#lastDigest = this.#digestAfresh();
  }

  /** At power-on. */
  static async start(options: RunnerOptions): Promise<EpochRunner> {
    const outputs = new OutputCollector();
    const parts: MachineParts = {
      ...options,
      requests: new DiskRequests((request) => outputs.add(request)),
      consoleByte: (byte) => outputs.consoleByte(byte),
      frameSent: (frame) => outputs.add({ kind: 'frameSent', frame: frame.slice() }),
    };
    const machine = await V86Machine.build(options.engine, parts);
    return new EpochRunner(options, parts, outputs, machine);
  }

  /** Goes where another replica's machine was cut, before any epoch has run here. */
  restore(snapshot: Snapshot): void {
    const { time, chance } = this.#options;
    restoreMachine(this.#machine, time, chance, snapshot);
    this.#outputs.continueAt(snapshot.consoleOffset);
    this.#parts.requests.continueAfter(snapshot.lastRequestId);
    this.#instructions = snapshot.instructions;
    this.#lastEpoch = snapshot.epoch;
    this.#endMs = snapshot.clockMs;
    this.#isPaused = snapshot.isPaused;
    this.#counterBefore = this.#machine.instructionCounter;
    this.#lastDigest = this.#digestAfresh();
  }

  get lastEpoch(): Epoch {
    return this.#lastEpoch;
  }

  /** The operator has paused the guest: its epochs have no rounds. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Guest time where the last epoch ended. */
  get endMs(): VirtualMs {
    return this.#endMs;
  }

  /** The state now, as `after` of the last epoch told it. */
  get lastDigest(): StateDigest {
    return this.#lastDigest;
  }

  /** What tells this state from the one another replica had after the same epoch; null: nothing. */
  differenceFrom(theirs: StateDigest): string | null {
    return firstDifference(this.#lastDigest, theirs, this.#scrub.stretch);
  }

  /** What the guest put out in an epoch it did not see the end of. */
  takeOutputs(): GuestOutput[] {
    return this.#outputs.take();
  }

  isQuietAfter(completed: ReadonlySet<number>): boolean {
    return this.#parts.requests.isQuietAfter(completed);
  }

  /** Runs a record without `cut`. */
  runEpoch(record: LogRecord): EpochResult {
    const machine = this.#machine;
    let sleepMs = 0;
    let rounds = 0;
    try {
      machine.startEpoch(record.clockMs);
      this.#enter(record.events);
      while (rounds < record.rounds) {
        sleepMs = machine.runRound();
        rounds += 1;
        if (machine.isHalted || !this.#outputs.isEmpty) break;
      }
    } catch (error) {
      throw guestCrashFrom(error, this.#options.lastWords());
    }
    this.#endMs = this.#options.time.nowMs();
    return this.#endEpoch(record, { sleepMs: machine.isHalted ? sleepMs : 0, rounds });
  }

  /** One step of what can be done ahead of a cut. Answers whether that was all. */
  prepareCut(): boolean {
    return this.#machine.prepareSave();
  }

  /** Runs a record with `cut`: events enter, no instruction runs. */
  runCut(record: LogRecord): EpochResult {
    try {
      this.#machine.startEpoch(record.clockMs);
      this.#enter(record.events);
    } catch (error) {
      throw guestCrashFrom(error, this.#options.lastWords());
    }
    this.#options.time.freeze(record.clockMs);
    // Who goes on from here has seen nothing.
    this.#screen?.forget();
    this.#lastEpoch = record.epoch;
    this.#endMs = record.clockMs;
    this.#lastDigest = this.#digestAfresh();
    const outputs = this.#outputs.take();
    return { outputs, after: this.#lastDigest, sleepMs: 0, rounds: 0, next: this.#next() };
  }

  /** The state right after `runCut`, for another replica to go on from. This one goes on as well. */
  snapshot(): Snapshot {
    return {
      epoch: this.#lastEpoch,
      clockMs: this.#endMs,
      instructions: this.#instructions,
      consoleOffset: this.#outputs.consoleOffset,
      lastRequestId: this.#parts.requests.lastId,
      wallClockAtStartMs: this.#options.time.wallClockAtStartMs,
      chanceState: this.#options.chance.state,
      uartInput: Uint8Array.from(this.#machine.cpu.devices.uart0.input),
      isPaused: this.#isPaused,
      state: this.#machine.save(),
    };
  }

  /** The guest was reset: a fresh machine, to which nothing of the old one's disk traffic belongs. */
  async reboot(): Promise<void> {
    this.#parts.requests.forgetAll();
    this.#machine = await V86Machine.build(this.#options.engine, this.#parts);
    this.#counterBefore = 0;
    this.#isResetPressed = false;
    this.#scrub.restartAt(this.#endMs);
  }

  /** Changes one bit of guest memory behind the guest's back: how tests make a divergence. */
  flipBit(addressBytes: number, bit: number): void {
    const words = this.#machine.memoryWords;
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    bytes[addressBytes] = (bytes[addressBytes] ?? 0) ^ (1 << bit);
  }

  #enter(events: readonly GuestEvent[]): void {
    for (const event of events) this.#apply(event);
    this.#isPaused = pausedAfter(events, this.#isPaused);
  }

  #apply(event: GuestEvent): void {
    const machine = this.#machine;
    switch (event.kind) {
      case 'clockSet':
        this.#options.time.setWallClock(event.wallClockMs);
        return;
      case 'consoleInput':
        for (const byte of event.bytes) machine.send('serial0-input', byte);
        return;
      case 'keysPressed':
        for (const code of event.scancodes) machine.send('keyboard-code', code);
        return;
      case 'frameReceived':
        machine.send('net0-receive', event.frame);
        return;
      case 'diskCompleted':
        this.#parts.requests.complete(event.requestId, event.result);
        return;
      case 'powerPressed':
        this.#isPowerPressed = true;
        return;
      case 'resetPressed':
        this.#isResetPressed = true;
        return;
      case 'powerButtonPressed':
        this.#isPowerPressed ||= !machine.pressPowerButton();
        return;
      case 'pausePressed':
      case 'resumePressed':
        return;
      default:
        unreachable(event);
    }
  }

  #endEpoch(record: LogRecord, ran: Pick<EpochResult, 'sleepMs' | 'rounds'>): EpochResult {
    this.#instructions += this.#executed();
    this.#counterBefore = this.#machine.instructionCounter;
    if (this.#screen) this.#outputs.consoleText(this.#screen.newsOf(this.#machine, this.#endMs));
    const next = this.#next();
    if (next === 'reboot') this.#outputs.add({ kind: 'reboot' });
    if (next === 'off') this.#outputs.add({ kind: 'powerOff' });
    this.#lastEpoch = record.epoch;
    this.#lastDigest = digestMachine(this.#machine, this.#scrub, {
      epoch: record.epoch,
      instructions: this.#instructions,
      clockMs: record.clockMs,
    });
    return { outputs: this.#outputs.take(), after: this.#lastDigest, ...ran, next };
  }

  #next(): EpochResult['next'] {
    const { haltedForGood, resetRequested, isPoweredOff } = this.#machine;
    if (this.#isPowerPressed || isPoweredOff) return 'off';
    if (this.#isResetPressed || resetRequested) return 'reboot';
    return haltedForGood ? 'off' : 'run';
  }

  /** The digest of a machine that was just built or restored: no stretch of memory is due yet. */
  #digestAfresh(): StateDigest {
    this.#scrub.restartAt(this.#endMs);
    return digestMachine(this.#machine, this.#scrub, {
      epoch: this.#lastEpoch,
      instructions: this.#instructions,
      clockMs: this.#endMs,
    });
  }

  /** Since the last epoch; v86 counts in 32 bits and wraps every few minutes. */
  #executed(): InstructionCount {
    return (this.#machine.instructionCounter - this.#counterBefore) >>> 0;
  }
}

function restoreMachine(
  machine: V86Machine,
  time: VirtualTime,
  chance: Chance,
  snapshot: Snapshot,
): void {
  time.freeze(snapshot.clockMs);
  time.wallClockAtStartMs = snapshot.wallClockAtStartMs;
  machine.restore(snapshot.state);
  machine.cpu.devices.uart0.input = [...snapshot.uartInput];
  chance.state = snapshot.chanceState;
}
