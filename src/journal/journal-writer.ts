import type { ReplicaId } from '../arbiter/generation-record.js';
import type { MachineSpec } from '../guest/machine-spec.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { Clock } from '../host/clock.js';
import type { JournalFile, JournalFiles } from '../host/journal-files.js';
import { encodeFrame } from '../log/frame.js';
import { encodeRecord } from '../log/log-codec.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch, Generation } from '../units.js';
import { encodeBatchMark, encodeJournalHead, encodeMember, journalTags } from './journal-format.js';
import { journalFileName, parseJournalFileName } from './journal-name.js';
import { writeSnapshotFile } from './snapshot-file.js';

/** What a journal is of. */
export interface JournalSelf {
  readonly vm: string;
  readonly replica: ReplicaId;
  readonly spec: MachineSpec;
  readonly build: Readonly<Record<string, string>>;
}

/** Where a journal goes on. */
export interface JournalPlace {
  readonly run: number;
  /** The last epoch it has. */
  readonly epoch: Epoch;
  readonly owners: readonly ReplicaId[];
  readonly memberOf: readonly Generation[];
}

export interface JournalHandlers {
  /** Everything up to that epoch, and what it starts from, would survive a power cut. */
  readonly durable: (epoch: Epoch) => void;
  readonly failed: (error: Error) => void;
}

/**
 * Writes one run of a journal: a guest from its power-on, or from the state a primary sent.
 *
 * ```
 * append, member ──▶ queue ──▶ one write, one sync ──▶ durable ──▶ the next batch
 * snapshot ──▶ a file beside the log; when it is durable, what is older than the cap allows goes
 * ```
 * Shape:  one batch is under way at a time, so that at most one can be torn. Nothing counts as durable
 *         before what the run starts from is.
 * Errors: a host error ends the journal: `failed`, once, and nothing follows.
 */
export class JournalWriter {
  readonly #files: JournalFiles;
  readonly #clock: Clock;
  readonly #self: JournalSelf;
  readonly #bytesMax: number;
  readonly #handlers: JournalHandlers;
  readonly #run: number;
  #owners: readonly ReplicaId[];
  #memberOf: Generation[];
  #log: JournalFile | null = null;
  #queue: Uint8Array[] = [];
  #appended: Epoch;
  #durable: Epoch;
  #isBatchUnderWay = false;
  #isUrgent = false;
  #isRotationDue = false;
  #isSnapshotUnderWay = false;
  #isOver = false;
  #cancelTimer: (() => void) | null = null;
  /** Sizes of the files of this run, oldest first. */
  readonly #kept = new Map<string, number>();
  #logName = '';

  constructor(
    parts: {
      readonly files: JournalFiles;
      readonly clock: Clock;
      readonly self: JournalSelf;
      readonly bytesMax: number;
      readonly handlers: JournalHandlers;
    },
    place: JournalPlace,
  ) {
    this.#files = parts.files;
    this.#clock = parts.clock;
    this.#self = parts.self;
    this.#bytesMax = parts.bytesMax;
    this.#handlers = parts.handlers;
    this.#run = place.run;
    this.#owners = place.owners;
    this.#memberOf = [...place.memberOf];
    this.#appended = place.epoch;
    this.#durable = place.epoch;
  }

  get durable(): Epoch {
    return this.#durable;
  }

  /**
   * Makes what the run starts from durable and lets go of other runs. With null it is a power-on, or
   * the end of what this run has already.
   */
  async open(base: Snapshot | null): Promise<void> {
    if (base) await this.#writeSnapshot(base);
    for (const { name, bytes } of await this.#files.list()) {
      if (parseJournalFileName(name)?.run === this.#run && !this.#kept.has(name)) {
        this.#kept.set(name, bytes);
      }
    }
    await this.#startLog();
    for (const { name } of await this.#files.list()) {
      const parsed = parseJournalFileName(name);
      if (parsed && parsed.run !== this.#run) await this.#files.remove(name);
    }
  }

  /** Begins to write what has been appended; to be called once `open` has resolved. */
  begin(): void {
    this.#handlers.durable(this.#durable);
    this.#pump();
  }

  append(record: LogRecord): void {
    this.#appended = record.epoch;
    this.#push(encodeFrame(journalTags.record, encodeRecord(record)));
  }
  /** This replica was told that it is in sync. */
  member(generation: Generation): void {
    if (this.#memberOf.includes(generation)) return;
    this.#memberOf.push(generation);
    this.#push(encodeMember(generation));
  }
  /** The guest is off. */
  ended(): void {
    this.#push(encodeFrame(journalTags.ended, new Uint8Array(0)));
    this.sync();
  }

  /** Somebody waits for what was appended. */
  sync(): void {
    this.#isUrgent = true;
    this.#pump();
    // Whoever asks may not have heard of it.
    if (this.#log && !this.#isOver && !this.#isBatchUnderWay) this.#handlers.durable(this.#durable);
  }

  /** The state after an epoch: the log from there on is enough from now on. */
  snapshot(snapshot: Snapshot): void {
    if (this.#isSnapshotUnderWay || this.#isOver) return;
    this.#isSnapshotUnderWay = true;
    // What is older goes file by file.
    this.#isRotationDue = true;
    this.#pump();
    void this.#guard(async () => {
      await this.#writeSnapshot(snapshot);
      await this.#dropOld();
      this.#isSnapshotUnderWay = false;
    });
  }

  /** Writes what there is and ends; nobody is told of what becomes durable by it. */
  async close(): Promise<void> {
    this.#cancelTimer?.();
    while (this.#isBatchUnderWay) await this.#batchEnded();
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#writeBatch();
    await this.#log?.close();
  }

  // --- batches -------------------------------------------------------------------------------

  #push(frame: Uint8Array): void {
    this.#queue.push(frame);
    this.#pump();
  }

  #pump(): void {
    if (this.#isOver || this.#isBatchUnderWay || !this.#log) return;
    if (this.#queue.length === 0 && !this.#isRotationDue) {
      this.#isUrgent = false;
      return;
    }
    if (!this.#isUrgent) {
      this.#cancelTimer ??= this.#clock.after(batchMs, () => {
        this.#cancelTimer = null;
        this.sync();
      });
      return;
    }
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#isUrgent = false;
    this.#isBatchUnderWay = true;
    void this.#guard(async () => {
      const before = this.#durable;
      await this.#writeBatch();
      if (this.#isRotationDue) await this.#startLog();
      this.#isBatchUnderWay = false;
      this.#wakeCloser();
      if (this.#durable > before) this.#handlers.durable(this.#durable);
      this.#pump();
    });
  }

  async #writeBatch(): Promise<void> {
    if (!this.#log || this.#queue.length === 0) return;
    const frames = [encodeBatchMark(this.#durable), ...this.#queue];
    this.#queue = [];
    const through = this.#appended;
    const bytes = joined(frames);
    await this.#log.append(bytes);
    await this.#log.sync();
    this.#kept.set(this.#logName, (this.#kept.get(this.#logName) ?? 0) + bytes.byteLength);
    this.#durable = through;
  }

  async #startLog(): Promise<void> {
    const name = journalFileName({ run: this.#run, kind: 'log', epoch: this.#durable + 1 });
    this.#isRotationDue = false;
    // Nothing was appended since the last one began.
    if (name === this.#logName) return;
    const head = encodeJournalHead({ ...this.#header(), snapshot: null, stateBytes: 0 });
    const log = await this.#files.create(name);
    await log.append(head);
    await log.sync();
    await this.#log?.close();
    this.#log = log;
    this.#logName = name;
    this.#kept.set(name, head.byteLength);
  }

  // --- snapshots -----------------------------------------------------------------------------

  async #writeSnapshot(snapshot: Snapshot): Promise<void> {
    const name = journalFileName({ run: this.#run, kind: 'snapshot', epoch: snapshot.epoch });
    this.#kept.set(name, await writeSnapshotFile(this.#files, name, this.#header(), snapshot));
  }

  /** Oldest first, until the cap holds; the newest snapshot and the log from it on stay in any case. */
  async #dropOld(): Promise<void> {
    for (const name of droppable(this.#kept, this.#bytesMax, this.#logName)) {
      await this.#files.remove(name);
      this.#kept.delete(name);
    }
  }

  #header() {
    const { vm, spec, build } = this.#self;
    const owners = [...new Set([...this.#owners, this.#self.replica])];
    const memberOf = [...this.#memberOf];
    return { vm, spec, build, owners, memberOf, createdAtMs: this.#clock.wallClockMs() };
  }

  // --- ends ----------------------------------------------------------------------------------

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#cancelTimer?.();
      this.#isBatchUnderWay = false;
      this.#wakeCloser();
      this.#handlers.failed(error as Error);
    }
  }

  #wakeCloser: () => void = () => undefined;
  #batchEnded(): Promise<void> {
    return new Promise((resolve) => (this.#wakeCloser = resolve));
  }
}

/**
 * The names to let go of, oldest first, so that the rest has at most `bytesMax`. A log is needed from
 * the oldest snapshot that is kept; of a guest that was never snapshotted nothing can go.
 */
export function droppable(
  kept: ReadonlyMap<string, number>,
  bytesMax: number,
  logName: string,
): string[] {
  const files = [...kept].flatMap(([name, bytes]) => {
    const parsed = parseJournalFileName(name);
    return parsed ? [{ ...parsed, name, bytes }] : [];
  });
  const snapshots = files.filter(({ kind }) => kind === 'snapshot').sort(byEpoch);
  const logs = files.filter(({ kind }) => kind === 'log').sort(byEpoch);
  let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const dropped: string[] = [];
  const drop = ({ name, bytes }: { name: string; bytes: number }): void => {
    dropped.push(name);
    total -= bytes;
  };
  // Bases to go on from, oldest first: power-on, if its log is there, then snapshots.
  const bases = [...(logs[0]?.epoch === 1 ? [null] : []), ...snapshots];
  for (const [i, base] of bases.entries()) {
    const next = bases[i + 1];
    if (!next || total <= bytesMax) break;
    if (base) drop(base);
    while (logs[1] && logs[1].epoch <= next.epoch + 1 && logs[0]?.name !== logName) {
      const first = logs.shift();
      if (first) drop(first);
    }
  }
  return dropped;
}

function byEpoch(a: { readonly epoch: Epoch }, b: { readonly epoch: Epoch }): number {
  return a.epoch - b.epoch;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

// The bound of what a power cut of all hosts at once loses, unless output waits for the journal: this,
// and one sync of the host's storage. Ten small writes a second wear out no disk.
const batchMs = 100;
