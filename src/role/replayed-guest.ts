import type { Records } from '../channel/wire-message.js';
import type { GuestEnd } from '../guest/guest-end.js';
import type { DiskInHand } from '../disk/own-disk.js';
import { PendingIo } from '../disk/pending-io.js';
import { pausedAfter } from '../guest/guest-event.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { Snapshot } from '../guest/snapshot.js';
import { LogBuffer } from '../log/log-buffer.js';
import {
  LogHistory,
  retainedBytesMax,
  type Lineage,
  type PastLog,
  type Stand,
} from '../log/log-history.js';
import type { ConsoleOffset, Epoch, Generation } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import type { Redundancy } from './redundancy.js';
import type { PrimaryStart, RoleEffect } from './role-effect.js';

/** Where a replay begins. */
type ReplayStart = Pick<Snapshot, 'epoch' | 'consoleOffset' | 'lastRequestId' | 'isPaused'>;

/**
 * What a backup knows about the guest it replays: all that a new primary has to know when it goes live.
 *
 * Shape:  `received` runs ahead of `ran`; disk operations and output belong to what has run.
 * Source: FT paper §2.2 (output of a replay is dropped), §3.4 (pending disk operations).
 */
export class ReplayedGuest {
  readonly #log: LogBuffer;
  readonly #history: LogHistory;
  readonly #pendingIo = new PendingIo();
  #received: Epoch;
  #ran: Epoch;
  #consoleOffset: ConsoleOffset;
  #lastRequestId: number;
  #end: GuestEnd | null = null;
  #isPaused: boolean;
  /** The output of epochs up to this one has left, as the primary said. */
  #released: Epoch = 0;
  /** Frames of later epochs, oldest first. */
  #frames: { readonly epoch: Epoch; readonly frame: Uint8Array }[] = [];

  /** `past` is the log before the start, as far as anybody knows. */
  constructor(snapshot: ReplayStart, logBytesMax: number, past: PastLog) {
    const { epoch, consoleOffset, lastRequestId, isPaused } = snapshot;
    this.#log = new LogBuffer(logBytesMax);
    this.#history = new LogHistory(retainedBytesMax(logBytesMax), past, epoch);
    this.#received = epoch;
    this.#ran = epoch;
    this.#consoleOffset = consoleOffset;
    this.#lastRequestId = lastRequestId;
    this.#isPaused = isPaused;
  }

  /** Every record up to here is here. */
  get received(): Epoch {
    return this.#received;
  }
  get ran(): Epoch {
    return this.#ran;
  }
  /** How the guest ended, if it has. */
  get end(): GuestEnd | null {
    return this.#end;
  }
  get isPaused(): boolean {
    return this.#isPaused;
  }
  get log(): Pick<LogBuffer, 'isFull' | 'hasRoom' | 'levelBytes'> {
    return this.#log;
  }

  /** Where it stands in its log; null if it cannot tell yet. */
  get stand(): Stand | null {
    return this.#history.stand({ received: this.#received, ran: this.#ran });
  }
  /** The records that come next are of another primary, whose log goes on from here. */
  follows(lineage: Lineage): void {
    this.#history.follows(lineage);
  }

  /** Takes records; answers what is wrong with them: they are consecutive, or not of our primary. */
  receive({ records, released }: Pick<Records, 'records' | 'released'>): string | null {
    for (const record of records) {
      if (record.epoch !== this.#received + 1) {
        return `epoch ${record.epoch} after epoch ${this.#received}`;
      }
      this.#received = record.epoch;
      this.#log.append(record);
      this.#history.record(record);
    }
    this.#released = released;
    this.#frames = this.#frames.filter(({ epoch }) => epoch > released);
    return null;
  }

  /** An epoch has run here. What is returned is for the people who watch; nothing leaves (§2.2). */
  epochRan({ epoch, outputs, after }: Extract<VcpuEvent, { kind: 'ran' }>): RoleEffect[] {
    this.#ran = epoch;
    this.#history.ran(after);
    const [record] = this.#log.from(epoch, 0);
    // In this order: what completes here was issued in an earlier epoch.
    if (record?.epoch === epoch) {
      this.#pendingIo.completed(record.events);
      this.#isPaused = pausedAfter(record.events, this.#isPaused);
    }
    this.#log.dropThrough(epoch);
    this.#pendingIo.issued(outputs);
    return outputs.flatMap((output) => this.#replayed(output, epoch));
  }

  crashed({ epoch, reason }: Extract<VcpuEvent, { kind: 'crashed' }>): void {
    this.#ran = epoch;
    this.#log.dropThrough(epoch);
    this.#end = { kind: 'crashed', epoch, reason };
  }

  #replayed(output: GuestOutput, epoch: Epoch): RoleEffect[] {
    switch (output.kind) {
      case 'consoleBytes':
        this.#consoleOffset = output.offset + output.bytes.byteLength;
        return [{ kind: 'emitConsole', bytes: output.bytes, offset: output.offset }];
      case 'frameSent':
        if (epoch > this.#released) this.#frames.push({ epoch, frame: output.frame });
        return [];
      case 'powerOff':
        this.#end = { kind: 'poweredOff', epoch };
        return [];
      case 'reboot':
        return [{ kind: 'report', report: { kind: 'rebooted', epoch } }];
      case 'diskRead':
      case 'diskWrite':
        this.#lastRequestId = output.id;
        return [];
    }
  }

  /** Everything has run and `generation` is ours: from here a primary goes on. */
  primaryStart(generation: Generation, redundancy: Redundancy, disk: DiskInHand): PrimaryStart {
    return {
      generation,
      redundancy,
      lastEpoch: this.#ran,
      consoleOffset: this.#consoleOffset,
      lastRequestId: this.#lastRequestId,
      pendingDisk: this.#pendingIo.requests(),
      startedDisk: disk.started,
      finishedDisk: disk.finished,
      unreleasedFrames: this.#frames.map(({ frame }) => frame),
      guestEnd: this.#end,
      isPaused: this.#isPaused,
      past: this.#history.handOn(generation, this.#ran),
    };
  }
}
