import {
  requestRange,
  type DiskRead,
  type DiskRequest,
  type DiskWrite,
} from '../guest/disk-request.js';
import type { DiskResult } from '../guest/guest-event.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { Snapshot } from '../guest/snapshot.js';
import { warmStartEpoch } from '../guest/warm-start.js';
import type { Clock } from '../host/clock.js';
import type { Digest } from '../host/digest.js';
import type { SectorStore } from '../host/sector-store.js';
import type { Vcpu, VcpuEvent, VcpuFactory } from '../vcpu/vcpu.js';
import { digestOfReads, type BootTemplate } from './boot-template.js';

/** What a template is made with. */
export interface TemplateMakerParts {
  /** Of `templateSpec`. */
  readonly createVcpu: VcpuFactory;
  /** By drive name; only read. What the guest writes stays here. */
  readonly disks: ReadonlyMap<string, SectorStore>;
  readonly clock: Clock;
  readonly digest: Digest;
  /** What the guest's console shows when it can be copied. */
  readonly ready: string;
  readonly timeoutMs: number;
}

/**
 * Boots a guest that is nobody's, alone and without a network, up to where it says that it can be copied.
 *
 * Errors: an `Error` that says why there is none: the guest ended, or never said it.
 */
export class TemplateMaker {
  readonly #parts: TemplateMakerParts;
  readonly #writes: DiskWrite[] = [];
  readonly #reads = new Map<string, DiskRead>();
  #vcpu: Vcpu | null = null;
  #console = '';
  #isReady = false;
  /** Operations are done one after another, as the guest asked for them. */
  #disk: Promise<void> = Promise.resolve();
  #settle: (snapshot: Snapshot) => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(parts: TemplateMakerParts) {
    this.#parts = parts;
  }

  async make(): Promise<BootTemplate> {
    const { clock, createVcpu, disks, digest, ready, timeoutMs } = this.#parts;
    const cut = new Promise<Snapshot>((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
    });
    const stopWaiting = clock.after(timeoutMs, () =>
      this.#fail(new Error(`its console did not show "${ready}" within ${timeoutMs} ms`)),
    );
    try {
      this.#vcpu = await createVcpu(null, {
        event: (event) => this.#event(event),
        failed: (error) => this.#fail(error),
      });
      this.#vcpu.goLive();
      const snapshot = await cut;
      const reads = [...this.#reads.values()];
      const readsDigest = await digestOfReads(reads, disks, digest);
      return { snapshot: asFirst(snapshot), writes: this.#writes, reads, readsDigest };
    } finally {
      stopWaiting();
      cut.catch(() => undefined);
      await this.#vcpu?.close();
    }
  }

  /** It is not wanted any more. */
  stop(): void {
    this.#fail(new Error('it was stopped'));
  }

  #event(event: VcpuEvent): void {
    switch (event.kind) {
      case 'ran':
        for (const output of event.outputs) this.#output(output);
        return;
      case 'cutTaken':
        this.#settle(event.snapshot);
        return;
      case 'crashed':
        this.#fail(new Error(`it crashed: ${event.reason}`));
        return;
      case 'diverged':
      case 'recorded':
      case 'rested':
      case 'wentLive':
        return;
    }
  }

  #output(output: GuestOutput): void {
    switch (output.kind) {
      case 'consoleBytes':
        this.#console += new TextDecoder().decode(output.bytes);
        if (this.#isReady || !this.#console.includes(this.#parts.ready)) return;
        this.#isReady = true;
        this.#vcpu?.cut();
        return;
      case 'diskRead':
      case 'diskWrite':
        this.#disk = this.#disk.then(() => this.#perform(output));
        return;
      case 'powerOff':
      case 'reboot':
        this.#fail(new Error('it ended before its console showed that it can be copied'));
        return;
      case 'frameSent':
        this.#fail(new Error('it used its network card before it knew who it is'));
        return;
    }
  }

  async #perform(request: DiskRequest): Promise<void> {
    const result = await this.#resultOf(request).catch((error: unknown): DiskResult => {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return { kind: 'failed' };
    });
    this.#vcpu?.inject({ kind: 'diskCompleted', requestId: request.id, result });
  }

  async #resultOf(request: DiskRequest): Promise<DiskResult> {
    if (request.kind === 'diskWrite') {
      this.#writes.push(request);
      return { kind: 'written' };
    }
    const { drive, offsetBytes, lengthBytes } = request;
    const disk = this.#parts.disks.get(drive);
    if (!disk) return { kind: 'failed' };
    this.#reads.set(`${drive} ${offsetBytes} ${lengthBytes}`, request);
    const data = await disk.read(offsetBytes, lengthBytes);
    for (const write of this.#writes) if (write.drive === drive) overlay(data, offsetBytes, write);
    return { kind: 'read', data };
  }
}

/** Puts what the write changed of it into `data`, which is of a drive from `startBytes` on. */
function overlay(data: Uint8Array, startBytes: number, write: DiskWrite): void {
  const { start, end } = requestRange(write);
  const from = Math.max(start, startBytes);
  const to = Math.min(end, startBytes + data.byteLength);
  if (from < to) data.set(write.data.subarray(from - start, to - start), from - startBytes);
}

/** Whoever goes on from it counts anew: guest time alone goes on, which devices know of. */
function asFirst(snapshot: Snapshot): Snapshot {
  return {
    ...snapshot,
    epoch: warmStartEpoch,
    instructions: 0,
    consoleOffset: 0,
    lastRequestId: 0,
  };
}
