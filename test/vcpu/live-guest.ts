import { createV86Vcpu, type V86Vcpu } from '../../dist/vcpu/v86-vcpu.js';
import type { DiskRequest } from '../../src/guest/disk-request.js';
import type { MachineSpec } from '../../src/guest/machine-spec.js';
import type { Snapshot } from '../../src/guest/snapshot.js';
import { LogFileWriter } from '../../src/log/log-file-writer.js';
import type { LogRecord } from '../../src/log/log-record.js';
import type { Epoch } from '../../src/units.js';
import type { BootFiles } from '../../src/vcpu/boot-files.js';
import type { VcpuEvent } from '../../src/vcpu/vcpu.js';
import type { MemoryDisk } from './memory-disk.js';

type Ran = Extract<VcpuEvent, { kind: 'ran' }>;

/** The prompt of the shipped image's shell, which also asks the terminal for its width. */
export const prompt = /guest:.*# (\x1b\[6n)?$/;

/** A live vCPU with a disk, a console to type at, and a memory of all it told. */
export class LiveGuest {
  readonly records: LogRecord[] = [];
  readonly ran: Ran[] = [];
  readonly snapshots: Snapshot[] = [];
  readonly outputKinds = new Map<string, number>();
  console = '';
  crash: Extract<VcpuEvent, { kind: 'crashed' }> | null = null;
  failure: Error | null = null;
  isLive = false;
  vcpu!: V86Vcpu;
  readonly spec: MachineSpec;
  readonly #disk: MemoryDisk | null;
  readonly #writer = new LogFileWriter();
  #file: Uint8Array[] = [];
  readonly #inFlight = new Map<number, DiskRequest>();
  /** Ids of the disk operations whose end an epoch's record brings. */
  readonly #replayed = new Map<Epoch, number[]>();
  /** How much of the console earlier waits have consumed. */
  #readUntil = 0;
  #wake: () => void = () => undefined;

  private constructor(spec: MachineSpec, disk: MemoryDisk | null) {
    this.spec = spec;
    this.#disk = disk;
  }

  static async start(
    spec: MachineSpec,
    disk: MemoryDisk | null,
    options: { bootFiles?: BootFiles; snapshot?: Snapshot; replay?: readonly LogRecord[] } = {},
  ): Promise<LiveGuest> {
    const { replay, ...start } = options;
    const guest = new LiveGuest(spec, disk);
    guest.#file.push(guest.#writer.head({ spec, build: {}, createdAtMs: 0 }));
    guest.vcpu = await createV86Vcpu(
      { spec, ...start },
      (event) => guest.#note(event),
      (error) => {
        guest.failure = error;
        guest.#wake();
      },
    );
    if (replay) {
      for (const { epoch, events } of replay) {
        const ends = events.filter((event) => event.kind === 'diskCompleted');
        guest.#replayed.set(
          epoch,
          ends.map(({ requestId }) => requestId),
        );
      }
      guest.vcpu.replay(replay);
    }
    guest.vcpu.goLive();
    return guest;
  }

  type(line: string): void {
    this.#readUntil = this.console.length;
    this.vcpu.inject({ kind: 'consoleInput', bytes: new TextEncoder().encode(`${line}\n`) });
  }

  /** Types a command and answers what the guest wrote until its next prompt. */
  async run(line: string): Promise<string> {
    this.type(line);
    return this.waitFor(prompt);
  }

  /** Waits for the console to show `pattern` after what earlier waits have seen. */
  async waitFor(pattern: RegExp, timeoutMs = 30_000): Promise<string> {
    const fresh = (): string => this.console.slice(this.#readUntil);
    await this.until(() => pattern.test(fresh()), `${String(pattern)} on the console`, timeoutMs);
    const text = fresh();
    this.#readUntil = this.console.length;
    return text;
  }

  async until(isSo: () => boolean, what: string, timeoutMs = 30_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!isSo()) {
      if (this.failure) throw this.failure;
      if (Date.now() > deadline) {
        throw new Error(`waited in vain for ${what}; console ends: ${this.console.slice(-400)}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 100);
      });
    }
  }

  async cut(): Promise<Snapshot> {
    const before = this.snapshots.length;
    this.vcpu.cut();
    await this.until(() => this.snapshots.length > before, 'a cut');
    return this.snapshots.at(-1) as Snapshot;
  }

  async close(): Promise<void> {
    await this.vcpu.close();
  }

  /** While it replays, its disk operations belong to the one that was live. */
  #started(request: DiskRequest): void {
    this.#inFlight.set(request.id, request);
    if (this.isLive) this.#perform(request);
  }

  #perform(request: DiskRequest): void {
    this.#disk?.perform(request, (result) => {
      this.#inFlight.delete(request.id);
      this.vcpu.inject({ kind: 'diskCompleted', requestId: request.id, result });
    });
  }

  /** The log file of the run so far, with its end mark. */
  logFile(): Uint8Array {
    return Buffer.concat([...this.#file, this.#writer.end()]);
  }

  #note(event: VcpuEvent): void {
    switch (event.kind) {
      case 'recorded':
        this.records.push(event.record);
        this.#file.push(this.#writer.record(event.record));
        break;
      case 'ran':
        this.ran.push(event);
        for (const ended of this.#replayed.get(event.epoch) ?? []) this.#inFlight.delete(ended);
        this.#writer.ran(event.outputs, event.after);
        for (const output of event.outputs) {
          this.outputKinds.set(output.kind, (this.outputKinds.get(output.kind) ?? 0) + 1);
          if (output.kind === 'consoleBytes') {
            this.console += Buffer.from(output.bytes).toString('latin1');
          } else if (output.kind === 'diskRead' || output.kind === 'diskWrite') {
            this.#started(output);
          }
        }
        break;
      case 'wentLive':
        this.isLive = true;
        for (const request of this.#inFlight.values()) this.#perform(request);
        break;
      case 'cutTaken':
        this.snapshots.push(event.snapshot);
        break;
      case 'crashed':
        this.crash = event;
        this.#writer.crashed(event.epoch);
        break;
    }
    this.#wake();
  }
}
