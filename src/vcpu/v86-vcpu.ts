import { Worker } from 'node:worker_threads';
import type { GuestEvent } from '../guest/guest-event.js';
import type { MachineSpec } from '../guest/machine-spec.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { LogRecord } from '../log/log-record.js';
import type { BootFiles } from './boot-files.js';
import { lowerCompilerThreads } from './compiler-threads.js';
import { Doorbell } from './doorbell.js';
import { InjectedEvents } from './injected-events.js';
import { Parcel } from './parcel.js';
import type {
  ReportedEvent,
  VcpuBegin,
  VcpuCommand,
  VcpuReport,
  VcpuStart,
} from './vcpu-message.js';
import type { Vcpu, VcpuEvent } from './vcpu.js';

export interface V86VcpuOptions {
  readonly spec: MachineSpec;
  /** The files of `spec.boot`; left out, the vCPU's thread reads them from the spec's paths. */
  readonly bootFiles?: BootFiles;
}

/** Where a vCPU begins, and who listens to it. */
export interface V86VcpuBegin {
  /** Left out, the machine is switched on. */
  readonly snapshot?: Snapshot;
  /** Tell of the cuts of a replay, for somebody who keeps their snapshots. */
  readonly tellsCuts?: boolean;
  /** Move the snapshot's bytes instead of copying them: nobody else needs them. */
  readonly ownsSnapshot?: boolean;
  readonly onEvent: (event: VcpuEvent) => void;
  readonly onFailure: (error: Error) => void;
}

// The thread makes small objects that die at once; more room for them is memory the kernel has to
// tear down before the socket of a killed process closes.
const youngGenerationMiB = 4;

/**
 * Starts a vCPU in a thread of its own and resolves when its machine stands; it is then replaying
 * (see `Vcpu`): `replay` records, or `goLive` at once for a first start. `begin` says the errors.
 */
export async function createV86Vcpu(
  options: V86VcpuOptions & Omit<V86VcpuBegin, 'onEvent' | 'onFailure'>,
  onEvent: (event: VcpuEvent) => void,
  onFailure: (error: Error) => void,
): Promise<V86Vcpu> {
  const vcpu = new V86Vcpu(options);
  await vcpu.begin({ ...options, onEvent, onFailure });
  return vcpu;
}

/** The host thread's handle; its machine is being built from the start. */
export class V86Vcpu implements Vcpu {
  /** v86 as the last thread compiled it, with all that the engine has optimized of it since. */
  static #engine: WebAssembly.Module | null = null;
  readonly #worker: Worker;
  readonly #doorbell = new Doorbell();
  readonly #injected = new InjectedEvents();
  #onEvent: (event: VcpuEvent) => void = () => undefined;
  #onReady: () => void = () => undefined;
  #onFailure: (error: Error) => void = () => undefined;
  #failure: Error | null = null;
  #isSendDue = false;
  #isClosed = false;

  constructor({ spec, bootFiles }: V86VcpuOptions) {
    const start: VcpuStart = {
      spec,
      bootFiles: bootFiles ?? null,
      doorbell: this.#doorbell.shared,
      engine: V86Vcpu.#engine,
    };
    lowerCompilerThreads();
    this.#worker = new Worker(new URL('./vcpu-worker.js', import.meta.url), {
      workerData: start,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMiB },
    });
    this.#worker.on('message', (report: VcpuReport) => this.#reported(report));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the thread of the vCPU ended by itself')));
  }

  /** There is no machine to begin with, and will be none. */
  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /**
   * Once. Resolves when the machine stands where it is to begin.
   *
   * Shape:  `onEvent` is called in order, on the caller's thread. After `crashed`, `diverged` or an
   *         output `powerOff` the vCPU runs no more and waits for `close`.
   * Errors: rejects if the machine cannot be built (a file is missing, say); later, `onFailure` tells
   *         of a bug in the vCPU, once, and nothing follows.
   */
  begin(options: V86VcpuBegin): Promise<void> {
    const { snapshot, tellsCuts, ownsSnapshot, onEvent, onFailure } = options;
    return new Promise((resolve, reject) => {
      this.#onEvent = onEvent;
      this.#onFailure = reject;
      this.#onReady = () => {
        this.#onFailure = onFailure;
        resolve();
      };
      if (this.#failure) return reject(this.#failure);
      const begin: VcpuBegin = { snapshot: snapshot ?? null, tellsCuts: tellsCuts ?? false };
      const moved = ownsSnapshot && snapshot ? [snapshot.state.buffer as ArrayBuffer] : [];
      this.#worker.postMessage(begin, moved);
      this.#doorbell.ring();
    });
  }

  #reported(report: VcpuReport): void {
    if (this.#isClosed) return;
    switch (report.kind) {
      case 'built':
        V86Vcpu.#engine = report.engine;
        return;
      case 'ready':
        this.#onReady();
        return;
      case 'events':
        for (const event of report.events) this.#onEvent(this.#eventOf(event));
        return;
      case 'failed':
        this.#fail(report.error instanceof Error ? report.error : new Error(String(report.error)));
        return;
    }
  }

  #fail(error: Error): void {
    if (this.#isClosed || this.#failure) return;
    this.#failure = error;
    this.#onFailure(error);
  }

  replay(records: readonly LogRecord[]): void {
    const { packed, transfer } = Parcel.packRecords(records);
    this.#send({ kind: 'replay', records: packed }, transfer);
  }

  goLive(): void {
    this.#send({ kind: 'goLive' });
  }

  inject(event: GuestEvent): void {
    if (!this.#injected.add(event) || this.#isSendDue) return;
    // What else comes in this turn goes with it: frames come in bursts.
    this.#isSendDue = true;
    process.nextTick(() => this.#sendInjected());
  }

  cut(): void {
    this.#send({ kind: 'cut' });
  }

  setSharePercent(percent: number): void {
    this.#send({ kind: 'setSharePercent', percent });
  }

  pause(): void {
    this.#send({ kind: 'pause' });
  }

  resume(): void {
    this.#send({ kind: 'resume' });
  }

  /**
   * Changes one bit of guest memory without a record: the mutation by which tests and drills make a
   * replica diverge.
   */
  flipBit(addressBytes: number, bit: number): void {
    this.#send({ kind: 'flipBit', addressBytes, bit });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#worker.terminate();
  }

  #sendInjected(): void {
    if (!this.#isSendDue) return;
    this.#isSendDue = false;
    const { packed, transfer } = Parcel.packEvents(this.#injected.takeUnsent());
    this.#post({ kind: 'inject', events: packed }, transfer);
  }

  #send(command: VcpuCommand, transfer: ArrayBuffer[] = []): void {
    this.#sendInjected();
    this.#post(command, transfer);
  }

  #post(command: VcpuCommand, transfer: ArrayBuffer[]): void {
    this.#worker.postMessage(command, transfer);
    this.#doorbell.ring();
  }

  #eventOf(event: ReportedEvent): VcpuEvent {
    if (event.kind !== 'recorded') return event;
    const { injected, ...record } = event.record;
    return { kind: 'recorded', record: { ...record, events: this.#injected.recorded(injected) } };
  }
}
