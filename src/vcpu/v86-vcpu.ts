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
import type { ReportedEvent, VcpuCommand, VcpuReport, VcpuStart } from './vcpu-message.js';
import type { Vcpu, VcpuEvent } from './vcpu.js';

export interface V86VcpuOptions {
  readonly spec: MachineSpec;
  /** The files of `spec.boot`; left out, the vCPU's thread reads them from the spec's paths. */
  readonly bootFiles?: BootFiles;
  /** Where to start; left out, the machine is switched on. */
  readonly snapshot?: Snapshot;
  /** Tell of the cuts of a replay, for somebody who keeps their snapshots. */
  readonly tellsCuts?: boolean;
}

// The thread makes small objects that die at once; more room for them is memory the kernel has to
// tear down before the socket of a killed process closes.
const youngGenerationMiB = 4;

/**
 * Starts a vCPU in a thread of its own and resolves when its machine stands; it is then replaying
 * (see `Vcpu`): `replay` records, or `goLive` at once for a first start.
 *
 * Shape:  `onEvent` is called in order, on the caller's thread. After `crashed`, `diverged` or an
 *         output `powerOff` the vCPU runs no more and waits for `close`.
 * Errors: the promise rejects if the machine cannot be built (a file is missing, say); later,
 *         `onFailure` tells of a bug in the vCPU, once, and nothing follows.
 */
export async function createV86Vcpu(
  options: V86VcpuOptions,
  onEvent: (event: VcpuEvent) => void,
  onFailure: (error: Error) => void,
): Promise<V86Vcpu> {
  const vcpu = new V86Vcpu(options, onEvent, onFailure);
  await vcpu.ready;
  return vcpu;
}

/** The host thread's handle. */
export class V86Vcpu implements Vcpu {
  /** Resolves when the machine stands. */
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #doorbell = new Doorbell();
  readonly #injected = new InjectedEvents();
  #isSendDue = false;
  #isClosed = false;

  constructor(
    options: V86VcpuOptions,
    onEvent: (event: VcpuEvent) => void,
    onFailure: (error: Error) => void,
  ) {
    const start: VcpuStart = {
      spec: options.spec,
      bootFiles: options.bootFiles ?? null,
      snapshot: options.snapshot ?? null,
      doorbell: this.#doorbell.shared,
      tellsCuts: options.tellsCuts ?? false,
    };
    lowerCompilerThreads();
    this.#worker = new Worker(new URL('./vcpu-worker.js', import.meta.url), {
      workerData: start,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMiB },
    });
    this.ready = new Promise((resolve, reject) => {
      let fail = (error: Error): void => reject(error);
      const failOnce = (error: Error): void => {
        if (!this.#isClosed) fail(error);
        fail = () => undefined;
      };
      this.#worker.on('message', (report: VcpuReport) => {
        if (this.#isClosed) return;
        switch (report.kind) {
          case 'ready':
            fail = onFailure;
            resolve();
            return;
          case 'events':
            for (const event of report.events) onEvent(this.#eventOf(event));
            return;
          case 'failed':
            failOnce(
              report.error instanceof Error ? report.error : new Error(String(report.error)),
            );
            return;
        }
      });
      this.#worker.on('error', failOnce);
      this.#worker.on('exit', () => failOnce(new Error('the thread of the vCPU ended by itself')));
    });
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
