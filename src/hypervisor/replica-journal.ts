import type { Snapshot } from '../guest/snapshot.js';
import { LogCorruptError } from '../log/log-corrupt-error.js';
import type { Journal, Resumption } from '../journal/journal.js';
import { JournalCorruptError } from '../journal/journal-error.js';
import type { LogRecord } from '../log/log-record.js';
import type { JournalCommand } from '../role/role-effect.js';
import type { RoleInput } from '../role/role-input.js';
import { unreachable } from '../unreachable.js';

/**
 * The journal of a process as one of its replicas uses it: what is written, from when this replica has
 * begun its own part on, and what is read to go on from.
 *
 * Errors: a journal that cannot be kept ends the replica: what it promised it could not hold.
 */
export class ReplicaJournal {
  readonly #journal: Journal | null;
  readonly #owner: {
    readonly feed: (input: RoleInput) => void;
    readonly fail: (error: unknown) => void;
  };
  #hasBegun = false;
  #isOver = false;
  #records: AsyncIterator<LogRecord> | null = null;

  constructor(
    journal: Journal | undefined,
    owner: {
      readonly feed: (input: RoleInput) => void;
      readonly fail: (error: unknown) => void;
    },
  ) {
    this.#journal = journal ?? null;
    this.#owner = owner;
    this.#journal?.attach({
      durable: (epoch) => {
        if (this.#hasBegun && !this.#isOver) owner.feed({ kind: 'journalDurable', epoch });
      },
      failed: (error) => {
        if (!this.#isOver) owner.fail(error);
      },
    });
  }

  /** Whether its vCPU should tell of cuts, as a primary's does anyway. */
  get wantsCuts(): boolean {
    return this.#journal !== null;
  }

  /** `base`: what the machine is switched on with, if it does not boot. */
  powerOn(base: Snapshot | null): void {
    this.#hasBegun = true;
    this.#journal?.begin(base);
  }

  /** What runs again is in the journal already; what comes after is added to it. */
  resume(resumption: Resumption): void {
    this.#records = resumption.records()[Symbol.asyncIterator]();
  }
  resumed(): void {
    if (!this.#records || this.#hasBegun) return;
    this.#hasBegun = true;
    this.#journal?.goOn();
  }

  append(record: LogRecord): void {
    if (this.#hasBegun) this.#journal?.append(record);
  }

  obey(command: JournalCommand): void {
    const journal = this.#journal;
    if (!journal) return;
    switch (command.kind) {
      case 'begin':
        this.#hasBegun = true;
        journal.begin(command.snapshot);
        return;
      case 'snapshot':
        journal.snapshot(command.snapshot);
        return;
      case 'member':
        journal.member(command.generation);
        return;
      case 'sync':
        journal.sync();
        return;
      case 'ended':
        journal.ended();
        return;
      default:
        unreachable(command);
    }
  }

  async readNext(): Promise<void> {
    try {
      const records: LogRecord[] = [];
      let isLast = false;
      while (!isLast && records.length < recordsPerRead) {
        const next = await this.#records?.next();
        if (!next || next.done) isLast = true;
        else records.push(next.value);
      }
      if (!this.#isOver) this.#owner.feed({ kind: 'journalRead', records, isLast });
    } catch (error) {
      const place = this.#journal?.place ?? '';
      const isDamaged = error instanceof LogCorruptError;
      this.#owner.fail(
        isDamaged ? new JournalCorruptError(place, error.message, { cause: error }) : error,
      );
    }
  }

  end(): void {
    this.#isOver = true;
  }
}

const recordsPerRead = 256;
