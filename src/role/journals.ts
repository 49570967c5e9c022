import { recordBytes, type LogRecord } from '../log/log-record.js';
import type { Epoch } from '../units.js';
import type { BackupSet } from './backup-set.js';
import type { RoleEffect } from './role-effect.js';
import { defaultSnapshotBytes, defaultSnapshotMs, type JournalSettings } from './role-settings.js';

/**
 * The journals of a primary and of the backups it waits for: how far all of them are durable, and when
 * a snapshot is due.
 *
 * All of them, because after the death of every replica any one of them may be the one that is left. A
 * backup counts from when output waits for its acks to the claim of a generation without it.
 */
export class Journals {
  readonly #settings: JournalSettings | null;
  readonly #backups: BackupSet;
  #own: Epoch = 0;
  #askedFor: Epoch = 0;
  /** Sizes of records that are not durable yet, oldest first. */
  #backlog: { readonly epoch: Epoch; readonly bytes: number }[] = [];
  #backlogBytes = 0;
  #sinceSnapshotBytes = 0;
  #snapshotAtMs: number;

  constructor(settings: JournalSettings | undefined, backups: BackupSet, nowMs: number) {
    this.#settings = settings ?? null;
    this.#backups = backups;
    this.#snapshotAtMs = nowMs;
  }

  recorded(record: LogRecord): void {
    const bytes = recordBytes(record);
    this.#sinceSnapshotBytes += bytes;
    if (!this.#settings) return;
    this.#backlog.push({ epoch: record.epoch, bytes });
    this.#backlogBytes += bytes;
  }

  ownDurable(epoch: Epoch): void {
    this.#own = epoch;
    const left = this.#backlog.findIndex((each) => each.epoch > epoch);
    const durable = this.#backlog.splice(0, left === -1 ? this.#backlog.length : left);
    for (const { bytes } of durable) this.#backlogBytes -= bytes;
  }

  /** What every journal has for good; infinite if nobody keeps one. */
  get durable(): Epoch {
    const own = this.#settings ? this.#own : Number.POSITIVE_INFINITY;
    return Math.min(own, this.#backups.durableByAll());
  }
  /** How far output may leave as far as journals go. */
  get covered(): Epoch {
    return this.#settings?.sync ? this.durable : Number.POSITIVE_INFINITY;
  }
  /** Records that our own disk has not taken yet. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }
  get areSynced(): boolean {
    return this.#settings?.sync ?? false;
  }

  /** Something waits for the log up to `epoch`: our own journal is told, once. */
  syncFor(epoch: Epoch): RoleEffect[] {
    if (!this.#settings || epoch <= this.#own || epoch <= this.#askedFor) return [];
    this.#askedFor = epoch;
    return [{ kind: 'journal', command: { kind: 'sync' } }];
  }

  /** Somebody keeps a journal, and the log since its last snapshot is long. */
  isSnapshotDue(nowMs: number): boolean {
    const isKept = this.#settings ?? this.#backups.all().some((each) => each.keepsJournal);
    if (!isKept || this.#sinceSnapshotBytes === 0) return false;
    const { snapshotBytes, snapshotMs } = this.#settings ?? defaults;
    return this.#sinceSnapshotBytes >= snapshotBytes || nowMs - this.#snapshotAtMs >= snapshotMs;
  }
  snapshotTaken(nowMs: number): void {
    this.#sinceSnapshotBytes = 0;
    this.#snapshotAtMs = nowMs;
  }
}

const defaults = { snapshotBytes: defaultSnapshotBytes, snapshotMs: defaultSnapshotMs };
