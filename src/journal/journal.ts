import type { GenerationRecord } from '../arbiter/generation-record.js';
import { fingerprintFields } from '../guest/machine-spec.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { Clock } from '../host/clock.js';
import type { JournalFiles } from '../host/journal-files.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch, Generation } from '../units.js';
import { emptyBeside, JournalRefusedError } from './journal-error.js';
import {
  journalBase,
  journalRecords,
  openJournal,
  vmsOf,
  type JournalContents,
} from './journal-reader.js';
import { journalFileName, parseJournalFileName } from './journal-name.js';
import { JournalWriter, type JournalHandlers, type JournalSelf } from './journal-writer.js';
import { isBehind } from './lineage.js';

/** What a start goes on from. */
export interface Resumption {
  /** Null: the guest is switched on again and its whole log runs. */
  readonly snapshot: Snapshot | null;
  readonly lastEpoch: Epoch;
  /** In order, up to `lastEpoch`. */
  readonly records: () => AsyncIterable<LogRecord>;
}

/**
 * The journal of one replica process, in a directory of its own: what a start may go on from, and what
 * is written while it runs. Replicas come and go in a process; each begins a run, or goes on with the
 * last.
 */
export class Journal {
  readonly #files: JournalFiles;
  readonly #clock: Clock;
  readonly #self: JournalSelf;
  readonly #bytesMax: number;
  #writer: JournalWriter | null = null;
  /** A run that is being opened: what comes meanwhile waits for it. */
  #opening: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: {
    readonly files: JournalFiles;
    readonly clock: Clock;
    readonly self: JournalSelf;
    readonly bytesMax: number;
  }) {
    this.#files = parts.files;
    this.#clock = parts.clock;
    this.#self = parts.self;
    this.#bytesMax = parts.bytesMax;
  }

  get place(): string {
    return this.#files.place;
  }

  /**
   * To be asked before anything else: a run that begins lets go what is there.
   *
   * Errors: `JournalRefusedError` if another VM keeps its log in this place.
   */
  async refuseOtherVm(): Promise<void> {
    for (const vm of await vmsOf(this.#files)) if (vm !== this.#self.vm) throw this.#ofOther(vm);
  }

  /**
   * What a start after `latest` may go on from; null if nobody kept anything, or its guest is off. What
   * an earlier replica of this process has under way is written first.
   *
   * Errors: `JournalCorruptError`, `JournalRefusedError`: a boot from the disk would lose what this or
   *         another journal has, so it is for the operator to say.
   */
  async resumable(latest: GenerationRecord | null): Promise<JournalContents | null> {
    await this.#settled();
    const contents = await openJournal(this.#files);
    if (!contents) {
      if (latest?.keepsJournal) throw emptyBeside(this.place, latest);
      return null;
    }
    this.#checkSelf(contents);
    const why = isBehind(contents, latest);
    if (why === null) return contents.hasEnded ? null : contents;
    throw new JournalRefusedError(
      this.place,
      why,
      latest
        ? `Start it on ${latest.holder.host} with the journal there; or boot from the VM's disk with --cold.`
        : "Boot from the VM's disk with --cold.",
    );
  }

  /**
   * Makes this replica the journal's keeper, durably, before it claims the VM: whoever finds the new
   * generation then finds its holder here.
   */
  async takeOver(contents: JournalContents): Promise<Resumption> {
    const { run, lastEpoch: epoch, owners, memberOf, torn } = contents;
    const base = contents.bases.at(-1) ?? 0;
    const baseName = journalFileName({ run, kind: 'snapshot', epoch: base });
    // What was read may be in the host's memory only, and what comes behind it will be durable.
    for (const { name, bytes } of await this.#files.list()) {
      if (name.endsWith('.log') || name === baseName) {
        await this.#files.truncate(name, name === torn?.name ? torn.goodBytes : bytes);
      }
    }
    const snapshot = await journalBase(this.#files, run, base);
    const writer = this.#newWriter({ run, epoch, owners, memberOf });
    await writer.open(null);
    this.#writer = writer;
    const range = { run, from: base + 1, through: epoch };
    return { snapshot, lastEpoch: epoch, records: () => journalRecords(this.#files, range) };
  }

  /**
   * The same before a claim that begins with a boot: nothing reaches the disk that this journal does
   * not have. So a start that dies early can be gone on from, too, and nobody else has to be asked.
   */
  async startAnew(): Promise<void> {
    // Of a claim that got no answer, and is made again.
    if (this.#isAtPowerOn) return;
    await this.#settled();
    const place = { run: await this.#nextRun(), epoch: 0, owners: [], memberOf: [] };
    const writer = this.#newWriter(place);
    await writer.open(null);
    this.#writer = writer;
    this.#isAtPowerOn = true;
  }
  #isAtPowerOn = false;

  /** Nothing is being opened or written any more. */
  async #settled(): Promise<void> {
    this.#waiting = null;
    await this.#opening;
    await this.#writer?.close();
    this.#writer = null;
    this.#isAtPowerOn = false;
  }

  /** Whom the writer tells; each replica of the process in its turn. */
  #handlers: JournalHandlers = { durable: () => undefined, failed: () => undefined };
  attach(handlers: JournalHandlers): void {
    this.#handlers = handlers;
  }

  /** A new run: from power-on, or from a state that a primary sent. What was here is let go. */
  begin(base: Snapshot | null): void {
    const isOpen = base === null && this.#isAtPowerOn;
    this.#isAtPowerOn = false;
    if (isOpen) return this.goOn();
    const before = this.#writer;
    this.#writer = null;
    const waiting = new WaitingRoom();
    this.#waiting = waiting;
    this.#opening = this.#opening.then(async () => {
      try {
        await before?.close();
        const epoch = base?.epoch ?? 0;
        const run = await this.#nextRun();
        const writer = this.#newWriter({ run, epoch, owners: [], memberOf: [] });
        await writer.open(base);
        if (this.#waiting !== waiting || this.#isClosed) return void (await writer.close());
        this.#waiting = null;
        this.#writer = writer;
        waiting.letIn(writer);
        writer.begin();
      } catch (error) {
        if (this.#waiting === waiting) this.#handlers.failed(error as Error);
      }
    });
  }
  #waiting: WaitingRoom | null = null;

  /** The run that `takeOver` or `startAnew` opened goes on. */
  goOn(): void {
    this.#writer?.begin();
  }

  append(record: LogRecord): void {
    (this.#writer ?? this.#waiting)?.append(record);
  }
  member(generation: Generation): void {
    (this.#writer ?? this.#waiting)?.member(generation);
  }
  snapshot(snapshot: Snapshot): void {
    this.#writer?.snapshot(snapshot);
  }
  ended(): void {
    this.#writer?.ended();
  }
  sync(): void {
    this.#writer?.sync();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening;
    await this.#writer?.close();
  }

  #newWriter(place: ConstructorParameters<typeof JournalWriter>[1]): JournalWriter {
    const handlers: JournalHandlers = {
      // An earlier run may still be writing its last batch.
      durable: (epoch) => {
        if (this.#writer === writer) this.#handlers.durable(epoch);
      },
      failed: (error) => {
        if (this.#writer === writer) this.#handlers.failed(error);
      },
    };
    const [files, clock, self, bytesMax] = [this.#files, this.#clock, this.#self, this.#bytesMax];
    const writer = new JournalWriter({ files, clock, self, bytesMax, handlers }, place);
    return writer;
  }

  async #nextRun(): Promise<number> {
    const runs = (await this.#files.list()).map(({ name }) => parseJournalFileName(name)?.run ?? 0);
    return Math.max(0, ...runs) + 1;
  }

  #ofOther(vm: string): JournalRefusedError {
    return new JournalRefusedError(
      this.place,
      `it is of another VM (${vm})`,
      "Name this VM's directory, or one that is empty; what another VM keeps is not overwritten.",
    );
  }

  #checkSelf({ header }: JournalContents): void {
    const refuse = (why: string, remedy: string): never => {
      throw new JournalRefusedError(this.place, why, remedy);
    };
    const { vm, spec, build } = this.#self;
    if (header.vm !== vm) throw this.#ofOther(header.vm);
    for (const field of ['v86', 'v86Wasm', 'architecture']) {
      const [theirs, ours] = [header.build[field], build[field]];
      if (theirs !== ours) {
        refuse(
          `it was written with ${field} ${theirs ?? 'unknown'}, this is ${ours ?? 'unknown'}`,
          "Resume it with the build that wrote it; or boot from the VM's disk with --cold.",
        );
      }
    }
    for (const [field, value] of Object.entries(fingerprintFields(spec))) {
      if (header.fingerprint[field] !== value) {
        refuse(
          `its machine has another ${field}`,
          "Boot from the VM's disk with --cold: the machine was changed.",
        );
      }
    }
  }
}

/** What is written while a run is being opened. */
class WaitingRoom {
  #calls: ((writer: JournalWriter) => void)[] = [];

  append(record: LogRecord): void {
    this.#calls.push((writer) => writer.append(record));
  }
  member(generation: Generation): void {
    this.#calls.push((writer) => writer.member(generation));
  }
  letIn(writer: JournalWriter): void {
    for (const call of this.#calls) call(writer);
  }
}
