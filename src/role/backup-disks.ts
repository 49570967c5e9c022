import { ReadFence } from '../disk/read-fence.js';
import { ResyncDesk } from '../disk/resync-desk.js';
import type { StateProgress } from '../channel/state-transfer.js';
import type { DiskAsk } from '../channel/wire-message.js';
import type { DiskRead, DiskRequest } from '../guest/disk-request.js';
import type { GuestEvent } from '../guest/guest-event.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch } from '../units.js';
import type { BackupSet } from './backup-set.js';
import type { BackupView } from './backup-view.js';
import type { OwnDiskSettings } from './role-settings.js';

/**
 * What a primary does for backups that read their disks themselves: compares their copies with its
 * own, leaves out of their records what they can read, and does not write where they have still to.
 *
 * Shape:  a backup reads for itself whatever its guest issues after the epoch that was the newest when
 *         it was ready: earlier reads it may have made of a disk that was not the primary's yet.
 * Source: FT paper §4.1 (non-shared disks), §4.2 (reads by the backup).
 */
export class BackupDisks {
  readonly #settings: OwnDiskSettings | null;
  readonly #backups: BackupSet;
  readonly #fence = new ReadFence();
  readonly #desk = new ResyncDesk<BackupView>();
  #lastRequestId: number;

  constructor(settings: OwnDiskSettings | null, backups: BackupSet, lastRequestId: number) {
    this.#settings = settings;
    this.#backups = backups;
    this.#lastRequestId = lastRequestId;
  }

  /** An epoch has run; takes what is to be compared now. */
  ran(epoch: Epoch, outputs: readonly GuestOutput[]): DiskRead[] {
    if (!this.#settings) return [];
    for (const output of outputs) {
      if (output.kind !== 'diskRead' && output.kind !== 'diskWrite') continue;
      this.#lastRequestId = output.id;
      if (output.kind === 'diskRead' && this.#settings.use === 'reads') this.#fence.issued(output);
    }
    for (const { ownReads } of this.#backups.all()) {
      if (ownReads && ownReads.afterId === null && epoch >= ownReads.afterEpoch) {
        ownReads.afterId = this.#lastRequestId;
      }
    }
    return this.#desk.due(epoch);
  }

  /** A write has failed. */
  failed(write: DiskRequest): void {
    this.#fence.failed(write);
  }

  recorded({ epoch, events }: LogRecord): void {
    if (this.#settings?.use !== 'reads') return;
    for (const event of events) {
      if (event.kind === 'diskCompleted') this.#fence.completed(event.requestId, epoch);
    }
  }

  /** Its copy is as ours: after the epoch `recorded` it reads for itself. */
  synced(backup: BackupView, recorded: Epoch): void {
    if (this.#settings?.use === 'everything') readsAfter(backup, recorded);
  }
  /** Output waits for it; from now on so do writes, where it has to read. */
  becameRequired(backup: BackupView, recorded: Epoch): void {
    if (this.#settings?.use === 'reads') readsAfter(backup, recorded);
  }

  /** Whether the backup could go live with its disk as it is. */
  isReady(backup: BackupView): boolean {
    return this.#settings?.use !== 'everything' || backup.ownReads !== null;
  }

  /** Its records, without what it reads itself. */
  recordsFor({ ownReads }: BackupView, records: readonly LogRecord[]): readonly LogRecord[] {
    const afterId = ownReads?.afterId ?? null;
    if (afterId === null) return records;
    const isLeftOut = (event: GuestEvent): boolean =>
      event.kind === 'diskCompleted' &&
      event.result.kind === 'read' &&
      event.requestId > afterId &&
      !this.#fence.isCarried(event.requestId);
    return records.map((record) =>
      record.events.some(isLeftOut)
        ? { ...record, events: record.events.map((e) => (isLeftOut(e) ? withoutData(e) : e)) }
        : record,
    );
  }

  /** A write that must wait for a read by a backup (§4.2). */
  isFenced(request: DiskRequest): boolean {
    if (this.#settings?.use !== 'reads') return false;
    const readers = this.#backups.all().filter(({ ownReads }) => ownReads !== null);
    this.#fence.ran(Math.min(Number.POSITIVE_INFINITY, ...readers.map(({ ran }) => ran)));
    return this.#fence.isInTheWay(request);
  }

  // --- comparing -----------------------------------------------------------------------------

  /** Takes a backup's question; answers what is wrong with it. */
  asked(
    backup: BackupView,
    { drive, offsetBytes, lengthBytes, digest, ran }: DiskAsk,
  ): string | null {
    const copy = this.#settings?.copies.find(({ name }) => name === drive);
    if (!copy || offsetBytes + lengthBytes > copy.bytes) {
      return 'it asked about a disk it has no copy of';
    }
    backup.comparedBytes += lengthBytes;
    return this.#desk.ask(backup, { drive, offsetBytes, lengthBytes, digest, ran });
  }
  /** How far the comparison with its copy is; null before and after. */
  progressOf({ comparedBytes, ownReads }: BackupView): StateProgress | null {
    if (!this.#settings || comparedBytes === 0 || ownReads !== null) return null;
    const totalBytes = this.#settings.copies.reduce((sum, { bytes }) => sum + bytes, 0);
    return { doneBytes: comparedBytes, totalBytes };
  }
  /** Takes what is to be compared now. */
  due(ran: Epoch): DiskRead[] {
    return this.#desk.due(ran);
  }
  /** The digest to hold what this read finds against; undefined if it is a guest's own. */
  digestOf(requestId: number): Uint8Array | undefined {
    return this.#desk.digestOf(requestId);
  }
  compared(requestId: number): ReturnType<ResyncDesk<BackupView>['looked']> {
    return this.#desk.looked(requestId);
  }
  forget(backup: BackupView): void {
    this.#desk.forget(backup);
  }
}

function readsAfter(backup: BackupView, recorded: Epoch): void {
  backup.ownReads = { afterEpoch: recorded, afterId: null };
}
function withoutData(event: GuestEvent): GuestEvent {
  if (event.kind !== 'diskCompleted') return event;
  return { kind: 'diskCompleted', requestId: event.requestId, result: { kind: 'ownRead' } };
}
