import type { GuestEnd } from '../guest/guest-end.js';
import { DiskQueue } from '../disk/disk-queue.js';
import type { OwnDiskUse } from '../disk/own-disk.js';
import type { DiskRead, DiskRequest } from '../guest/disk-request.js';
import type { DiskResult } from '../guest/guest-event.js';
import { outputBytes, type GuestOutput } from '../guest/guest-output.js';
import type { ConsoleOffset, Epoch } from '../units.js';
import { JournalGate } from './journal-gate.js';
import { OutputGate } from './output-gate.js';
import { CommitDelay } from './primary-status.js';
import type { PrimaryStart, RoleEffect } from './role-effect.js';

/** What waits at the gate: the guest's output, and the news that it has crashed, which comes last. */
const retryMs = 100;

type Held = GuestOutput | { readonly kind: 'crashed'; readonly reason: string };

/**
 * Where the output of a live guest leaves: held at the gate, then emitted or given to the disks.
 *
 * Shape:  the caller says how far output is covered by acks and whether this replica is sure to be
 *         live; what cannot be undone outside (all but disk reads) waits for both.
 * Source: FT paper §2.2 (Output Rule), §3.4 (disk).
 */
export class GuestOutlet {
  readonly #gate = new OutputGate<Held>(bytesOf);
  readonly #disk = new DiskQueue();
  readonly #journals = new JournalGate();
  readonly #delay = new CommitDelay();
  #released: Epoch;
  #consoleReleased: ConsoleOffset;
  readonly #use: OwnDiskUse | null;
  #failedWrites: DiskRequest[] = [];
  #retryAtMs = 0;
  #ending: GuestEnd | null;

  constructor(start: PrimaryStart, use: OwnDiskUse | null) {
    this.#use = use;
    this.#released = start.lastEpoch;
    this.#consoleReleased = start.consoleOffset;
    this.#ending = start.guestEnd;
    for (const request of start.pendingDisk) {
      this.#disk.add(request);
      // Its records are in every surviving log: this replica has replayed them.
      this.#journals.hold(request.id, start.lastEpoch);
    }
    for (const id of start.startedDisk) this.#disk.begun(id);
  }

  /** Each replica has its own disk, which is as internal as memory: writes wait for nobody (§4.1). */
  get #hasOwnDisk(): boolean {
    return this.#use === 'everything';
  }

  hold(outputs: readonly GuestOutput[], epoch: Epoch, nowMs: number): void {
    for (const output of outputs) {
      if (output.kind === 'diskRead' || output.kind === 'diskWrite') this.#disk.add(output);
      // A read changes nothing outside: it need not wait.
      if (output.kind === 'diskRead') continue;
      if (output.kind === 'diskWrite' && this.#hasOwnDisk) this.#disk.release(output.id);
      else this.#gate.hold(output, epoch, nowMs);
    }
  }
  holdCrash(reason: string, epoch: Epoch, nowMs: number): void {
    this.#gate.hold({ kind: 'crashed', reason }, epoch, nowMs);
  }

  /** Lets out everything up to the epoch `covered`, writes to the disks' queue; the only way out. */
  release(covered: Epoch, nowMs: number): RoleEffect[] {
    const effects: RoleEffect[] = [];
    for (const { output, epoch, heldAtMs } of this.#gate.release(covered)) {
      this.#delay.add(nowMs - heldAtMs);
      effects.push(...this.#emit(output, epoch));
    }
    this.#released = Math.max(this.#released, covered);
    return effects;
  }

  /** `durable` is what the journals have for good: a write starts after that (write after log). */
  startDisk({
    durable,
    ...may
  }: Parameters<DiskQueue['start']>[0] & { readonly durable: Epoch }): DiskRequest[] {
    for (const id of this.#journals.release(durable)) this.#disk.release(id);
    return this.#disk.start(may);
  }
  /** A read that is not the guest's, in the order of those that are. */
  addRead(read: DiskRead): void {
    this.#disk.add(read);
  }
  /** The request of that id, unless it has ended. */
  diskRequest(requestId: number): DiskRequest | undefined {
    return this.#disk.at(requestId);
  }
  /** False if the guest is not told yet. */
  diskFinished(requestId: number, result: DiskResult, nowMs: number): boolean {
    const request = this.#disk.at(requestId);
    if (request?.kind === 'diskWrite' && result.kind === 'failed' && this.#hasOwnDisk) {
      // The copies would differ from here on, and the guest could not say how.
      this.#failedWrites.push(request);
      this.#retryAtMs = nowMs + retryMs;
      return false;
    }
    this.#disk.finished(requestId);
    return true;
  }
  /** Takes writes that have failed and must succeed. */
  failedWrites(nowMs: number): DiskRequest[] {
    return nowMs < this.#retryAtMs ? [] : this.#failedWrites.splice(0);
  }

  #emit(output: Held, epoch: Epoch): RoleEffect[] {
    switch (output.kind) {
      case 'consoleBytes':
        this.#consoleReleased = output.offset + output.bytes.byteLength;
        return [{ kind: 'emitConsole', bytes: output.bytes, offset: output.offset }];
      case 'frameSent':
        return [{ kind: 'emitFrame', frame: output.frame }];
      case 'diskWrite':
        this.#journals.hold(output.id, epoch);
        return [];
      case 'diskRead':
        return [];
      case 'reboot':
        return [{ kind: 'report', report: { kind: 'rebooted', epoch } }];
      case 'powerOff':
        this.#ending = { kind: 'poweredOff', epoch };
        return [];
      case 'crashed':
        this.#ending = { kind: 'crashed', epoch, reason: output.reason };
        return [];
    }
  }

  /** Output of epochs up to this one has left. */
  get released(): Epoch {
    return this.#released;
  }
  get consoleReleased(): ConsoleOffset {
    return this.#consoleReleased;
  }
  /** The guest is over, and the world may know. */
  get ending(): GuestEnd | null {
    return this.#ending;
  }
  /** The guest is over and everything it did has left. */
  get isDone(): boolean {
    return this.#ending !== null && this.#gate.isEmpty && this.hasNoDisk;
  }
  /** The output that has waited for acks the longest. */
  get oldestHeld(): { readonly epoch: Epoch; readonly heldAtMs: number } | null {
    return this.#gate.oldest;
  }
  get isEmpty(): boolean {
    return this.#gate.isEmpty;
  }
  /** A write has left the gate and waits for the journals: the epoch of the newest; 0 if none does. */
  get awaitsJournal(): Epoch {
    return this.#journals.newest;
  }
  get heldCount(): number {
    return this.#gate.heldCount;
  }
  /** What waits for acks or for a disk. */
  get heldBytes(): number {
    // Writes that wait for a backup's reads wait for records that only a running vCPU makes.
    const diskBytes = this.#use === 'reads' ? 0 : this.#disk.writeBytes;
    return this.#gate.heldBytes + diskBytes;
  }
  /** No operation is under way or waits. */
  get hasNoDisk(): boolean {
    return this.#disk.size === 0;
  }
  /** Operations that will change or read the disk whatever we do. */
  get startedDiskCount(): number {
    return this.#disk.startedCount;
  }
  get commitDelayMs(): CommitDelay['summary'] {
    return this.#delay.summary;
  }
}

function bytesOf(output: Held): number {
  return output.kind === 'crashed' ? 0 : outputBytes(output);
}
