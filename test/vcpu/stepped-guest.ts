import { vi } from 'vitest';
import type { DiskRequest } from '../../src/guest/disk-request.js';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import type { MachineSpec } from '../../src/guest/machine-spec.js';
import type { Snapshot } from '../../src/guest/snapshot.js';
import type { LogRecord } from '../../src/log/log-record.js';
import { type BootFiles, loadBootFiles } from '../../src/vcpu/boot-files.js';
import { Chance } from '../../src/vcpu/chance.js';
import { EpochRunner } from '../../src/vcpu/epoch-runner.js';
import { loadV86, type V86Engine, V86Machine } from '../../src/vcpu/v86-machine.js';
import { installGuestGlobals, VirtualTime } from '../../src/vcpu/virtual-time.js';
import { prompt } from './live-guest.js';

/** What the guests of one thread share, as they do in a vCPU's thread. */
export class GuestThread {
  readonly spec: MachineSpec;
  readonly #time: VirtualTime;
  readonly #chance: Chance;
  readonly #files: BootFiles;
  readonly #engine: V86Engine;
  readonly #restoreGlobals: () => void;

  private constructor(
    spec: MachineSpec,
    parts: { time: VirtualTime; chance: Chance; files: BootFiles; engine: V86Engine },
    restoreGlobals: () => void,
  ) {
    this.spec = spec;
    this.#time = parts.time;
    this.#chance = parts.chance;
    this.#files = parts.files;
    this.#engine = parts.engine;
    this.#restoreGlobals = restoreGlobals;
  }

  static async start(spec: MachineSpec): Promise<GuestThread> {
    const { now } = performance;
    const { random } = Math;
    const hostDate = Date;
    const crypto = Object.getOwnPropertyDescriptor(globalThis, 'crypto')!;
    const time = new VirtualTime(spec.wallClockAtStartMs);
    const chance = new Chance(spec.chanceSeed);
    installGuestGlobals(time, chance);
    const files = await loadBootFiles(spec.boot);
    const engine = await loadV86();
    return new GuestThread(spec, { time, chance, files, engine }, () => {
      performance.now = now;
      Math.random = random;
      globalThis.Date = hostDate;
      Object.defineProperty(globalThis, 'crypto', crypto);
    });
  }

  /** A machine that was switched on, or the one in the snapshot. */
  async guest(snapshot: Snapshot | null, disk: Uint8Array): Promise<SteppedGuest> {
    const built = vi.spyOn(V86Machine, 'build');
    const runner = await EpochRunner.start({
      engine: this.#engine,
      spec: this.spec,
      files: this.#files,
      time: this.#time,
      chance: this.#chance,
      lastWords: () => '',
    });
    if (snapshot) runner.restore(snapshot);
    const machine = await (built.mock.results[0]!.value as Promise<V86Machine>);
    built.mockRestore();
    return new SteppedGuest(runner, machine, disk);
  }

  close(): void {
    this.#restoreGlobals();
  }
}

/** A guest in the test's own thread, epoch by epoch, so that its machine can be looked into. */
export class SteppedGuest {
  readonly runner: EpochRunner;
  readonly machine: V86Machine;
  /** Of every epoch it ran by itself. */
  readonly records: LogRecord[] = [];
  console = '';
  readonly #disk: Uint8Array;
  #events: GuestEvent[] = [];
  #sleepMs = 0;

  constructor(runner: EpochRunner, machine: V86Machine, disk: Uint8Array) {
    this.runner = runner;
    this.machine = machine;
    this.#disk = Uint8Array.from(disk);
  }

  inject(event: GuestEvent): void {
    this.#events.push(event);
  }

  type(line: string): void {
    this.inject({ kind: 'consoleInput', bytes: new TextEncoder().encode(`${line}\n`) });
    this.console += '\n';
  }

  /** Runs an epoch of its own. Its disk is done by the next one. */
  step(): void {
    const record = this.#record({ rounds: 8, cut: false });
    const { outputs, sleepMs } = this.runner.runEpoch(record);
    this.#sleepMs = sleepMs;
    for (const output of outputs) {
      if (output.kind === 'consoleBytes') {
        this.console += Buffer.from(output.bytes).toString('latin1');
      } else if (output.kind === 'diskRead' || output.kind === 'diskWrite') {
        this.inject(this.#performed(output));
      }
    }
  }

  stepUntilPrompt(): void {
    for (let epochs = 0; !prompt.test(this.console.slice(-30)); epochs++) {
      if (epochs > 20_000) throw new Error(`no prompt; console ends: ${this.console.slice(-300)}`);
      this.step();
    }
  }

  /** Cuts, with what is injected and the ends of the disk operations in flight. */
  cut(): Snapshot {
    while (!this.runner.prepareCut());
    this.runner.runCut(this.#record({ rounds: 0, cut: true }));
    this.#sleepMs = 0;
    return this.runner.snapshot();
  }

  #record(how: { rounds: number; cut: boolean }): LogRecord {
    const { endMs, lastEpoch, lastDigest } = this.runner;
    const record: LogRecord = {
      epoch: lastEpoch + 1,
      // A host's time goes on even where the guest's would not.
      clockMs: endMs + Math.max(this.#sleepMs, 0.01),
      events: this.#events,
      before: lastDigest,
      ...how,
    };
    this.#events = [];
    this.records.push(record);
    return record;
  }

  #performed(request: DiskRequest): GuestEvent {
    const { id: requestId, offsetBytes } = request;
    if (request.kind === 'diskWrite') {
      this.#disk.set(request.data, offsetBytes);
      return { kind: 'diskCompleted', requestId, result: { kind: 'written' } };
    }
    const data = this.#disk.slice(offsetBytes, offsetBytes + request.lengthBytes);
    return { kind: 'diskCompleted', requestId, result: { kind: 'read', data } };
  }
}
