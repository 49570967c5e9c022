import type { BackupSet } from './backup-set.js';
import type { BackupView } from './backup-view.js';
import type { CommitRule } from './redundancy.js';
import type { RoleSettings } from './role-settings.js';

/** `ask`: it is to claim ahead. */
export type NextStep =
  { readonly kind: 'stay' | 'leave' } | { readonly kind: 'ask'; readonly heir: BackupView };

/**
 * A primary on its way out, while its guest runs on: when is the moment to hand over?
 *
 * ```
 * staying ─▶ waiting ─────────────▶ draining ──────────────▶ due
 *   begin     until a backup is      no disk operation is
 *             close behind, so       begun any more; those
 *             that it need not run   that were end first, and
 *             for long to be live    the heir claims ahead
 * ```
 * Shape:  what a disk still does must not happen behind the back of the next primary. Neither wait is
 *         for ever: a busy guest's backup may stay behind, a disk may hang.
 * Source: FT paper §3.3; the planned counterpart of §2.3.
 */
export class Departure {
  #waitingSinceMs: number | null = null;
  #drainingSinceMs: number | null = null;
  #needsHeir = false;
  #heir: { readonly asked: BackupView; readonly atMs: number } | null = null;
  readonly #mayAsk: boolean;

  /** Disks of their own, journals and majorities have claims that say more, and are made later. */
  constructor({ ownDisk, journal }: Pick<RoleSettings, 'ownDisk' | 'journal'>, commit: CommitRule) {
    this.#mayAsk = !ownDisk && !journal && commit === 'all';
  }

  get hasBegun(): boolean {
    return this.#waitingSinceMs !== null;
  }
  /** Disk operations not begun are the next primary's. */
  get isDraining(): boolean {
    return this.#drainingSinceMs !== null;
  }

  /** Without `needsHeir` it also goes when there is nobody to go on. */
  begin({ needsHeir }: { readonly needsHeir: boolean }, nowMs: number): void {
    this.#waitingSinceMs = nowMs;
    this.#needsHeir = needsHeir;
  }

  /** What there is to do now; `mayClaim`: no claim of ours is under way. */
  next(
    now: { readonly startedDiskCount: number; readonly mayClaim: boolean },
    backups: BackupSet,
    nowMs: number,
  ): NextStep {
    if (!this.#isDue(now.startedDiskCount, backups.inSync(), nowMs)) return { kind: 'stay' };
    const heir = this.#mayAsk && now.mayClaim && !this.#heir ? soleHeir(backups.all()) : null;
    if (heir) {
      this.#heir = { asked: heir, atMs: nowMs };
      return { kind: 'ask', heir };
    }
    if (this.#awaitsHeir(backups.all(), nowMs)) return { kind: 'stay' };
    if (!this.#heir || !this.#needsHeir) return { kind: 'leave' };
    this.#stay();
    return { kind: 'stay' };
  }
  /** That one was asked to claim ahead. */
  isHeir(backup: BackupView): boolean {
    return this.#heir?.asked === backup;
  }

  /** It may yet say that it is ready. */
  #awaitsHeir(backups: readonly BackupView[], nowMs: number): boolean {
    if (!this.#heir || !backups.includes(this.#heir.asked)) return false;
    return nowMs - this.#heir.atMs <= heirMsMax;
  }

  #isDue(startedDiskCount: number, inSync: readonly BackupView[], nowMs: number): boolean {
    if (this.#waitingSinceMs === null) return false;
    if (this.#needsHeir && inSync.length === 0) {
      this.#stay();
      return false;
    }
    const isClose = inSync.some(({ lag }) => lag.lagMs(nowMs) <= closeMs);
    if (isClose || inSync.length === 0 || nowMs - this.#waitingSinceMs > closeMsMax) {
      this.#drainingSinceMs ??= nowMs;
    }
    if (this.#drainingSinceMs === null) return false;
    return startedDiskCount === 0 || nowMs - this.#drainingSinceMs > diskMsMax;
  }

  /** There is nobody to go on, or it does not say that it could: who is left stays, and the guest with it. */
  #stay(): void {
    [this.#waitingSinceMs, this.#drainingSinceMs, this.#heir] = [null, null, null];
  }
}

/** Others could not go live in its place any more, and would be waited for in vain. */
function soleHeir(backups: readonly BackupView[]): BackupView | null {
  const [heir] = backups;
  const isSole = backups.length === 1 && heir?.state === 'inSync' && !heir.keepsJournal;
  return isSole ? heir : null;
}

// What a tick of the backup hides of its progress, and an epoch or two.
const closeMs = 10;
const closeMsMax = 1000;
// A disk that takes longer may take for ever.
const diskMsMax = 2000;
// Its claim takes milliseconds; meanwhile no disk operation begins.
const heirMsMax = 1000;
