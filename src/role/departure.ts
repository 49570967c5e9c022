import type { BackupView } from './backup-view.js';

/**
 * A primary on its way out, while its guest runs on: when is the moment to hand over?
 *
 * ```
 * staying ─▶ waiting ─────────────▶ draining ──────────────▶ due
 *   begin     until a backup is      no disk operation is
 *             close behind, so       begun any more; those
 *             that it need not run   that were end first
 *             for long to be live
 * ```
 * Shape:  what a disk still does must not happen behind the back of the next primary. Neither wait is
 *         for ever: a busy guest's backup may stay behind, a disk may hang.
 * Source: FT paper §3.3; the planned counterpart of §2.3.
 */
export class Departure {
  #waitingSinceMs: number | null = null;
  #drainingSinceMs: number | null = null;
  #needsHeir = false;

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

  isDue(startedDiskCount: number, inSync: readonly BackupView[], nowMs: number): boolean {
    if (this.#waitingSinceMs === null) return false;
    if (this.#needsHeir && inSync.length === 0) {
      // The last backup is lost: who is left stays, and the guest with it.
      [this.#waitingSinceMs, this.#drainingSinceMs] = [null, null];
      return false;
    }
    const isClose = inSync.some(({ lag }) => lag.lagMs(nowMs) <= closeMs);
    if (isClose || inSync.length === 0 || nowMs - this.#waitingSinceMs > closeMsMax) {
      this.#drainingSinceMs ??= nowMs;
    }
    if (this.#drainingSinceMs === null) return false;
    return startedDiskCount === 0 || nowMs - this.#drainingSinceMs > diskMsMax;
  }
}

// What a tick of the backup hides of its progress, and an epoch or two.
const closeMs = 10;
const closeMsMax = 1000;
// A disk that takes longer may take for ever.
const diskMsMax = 2000;
