import type { ReplicaId } from '../arbiter/generation-record.js';
import type { Epoch } from '../units.js';
import type { BackupView } from './backup-view.js';
import type { PeerId } from './role-input.js';

/**
 * The backups of a primary, in the order they joined.
 *
 * Shape:  at most `backupsMax`, one for each link and each replica id.
 */
export class BackupSet {
  readonly #byPeer = new Map<PeerId, BackupView>();

  add(backup: BackupView): void {
    this.#byPeer.set(backup.peer, backup);
  }
  remove(backup: BackupView): void {
    this.#byPeer.delete(backup.peer);
  }
  at(peer: PeerId): BackupView | undefined {
    return this.#byPeer.get(peer);
  }
  named(replica: ReplicaId): BackupView | undefined {
    return this.all().find(({ identity }) => identity.replica === replica);
  }
  /** A copy: the caller may lose some on the way. */
  all(): BackupView[] {
    return [...this.#byPeer.values()];
  }

  get isFull(): boolean {
    return this.#byPeer.size >= backupsMax;
  }
  get isEmpty(): boolean {
    return this.#byPeer.size === 0;
  }

  /** Those that were told so: they may claim the next generation. */
  inSync(): BackupView[] {
    return this.all().filter(({ state }) => state === 'inSync');
  }
  /** All are in sync, and none has been silent for longer than a late heartbeat or two. */
  isQuiet(nowMs: number): boolean {
    for (const backup of this.#byPeer.values()) {
      if (backup.state !== 'inSync' || backup.isMute(nowMs)) return false;
    }
    return true;
  }
  inSyncIds(): ReplicaId[] {
    return this.inSync().map(({ identity }) => identity.replica);
  }

  /** The Output Rule's "all" (§2.2): the newest epoch that every awaited backup has acknowledged. */
  ackedByAll(ran: Epoch): Epoch {
    let acked = ran;
    for (const backup of this.#byPeer.values()) {
      if (backup.isAwaited) acked = Math.min(acked, backup.acked);
    }
    return acked;
  }

  /** The newest epoch that is in the journal of every awaited backup that keeps one. */
  durableByAll(): Epoch {
    let durable = Number.POSITIVE_INFINITY;
    for (const backup of this.#byPeer.values()) {
      if (backup.isAwaited) durable = Math.min(durable, backup.durable);
    }
    return durable;
  }

  /** The oldest record somebody may have to be sent or has not acknowledged; null if there is nobody. */
  get oldestNeeded(): Epoch | null {
    const places = this.all()
      .filter(({ state }) => state !== 'awaitingCut')
      .map(({ acked }) => acked + 1);
    return places.length === 0 ? null : Math.min(...places);
  }
}

// Each costs the primary a copy of the log and the guest its slowest ack; the paper has one.
const backupsMax = 8;
