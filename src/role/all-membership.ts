import type { Epoch } from '../units.js';
import type { BackupSet } from './backup-set.js';
import type { BackupView } from './backup-view.js';
import type { GenerationGuard } from './generation-guard.js';
import type { Membership } from './membership.js';
import type { RoleEffect } from './role-effect.js';

/**
 * `--commit all`: output waits for every backup in sync, so any of them may go live alone.
 *
 * Shape:  a backup is in sync as soon as it is told so; losing one costs a generation without it,
 *         and until that is ours nothing leaves.
 * Source: FT paper §2.2 and §2.3, with more backups than one.
 */
export class AllMembership implements Membership {
  readonly #backups: BackupSet;
  readonly #guard: GenerationGuard;
  readonly straggler = null;

  constructor(backups: BackupSet, guard: GenerationGuard) {
    this.#backups = backups;
    this.#guard = guard;
  }

  get mayRelease(): boolean {
    return this.#guard.mayRelease;
  }
  covered(ran: Epoch): Epoch {
    return this.#backups.ackedByAll(ran);
  }
  caughtUp(backup: BackupView): boolean {
    if (!this.#guard.isOpen) return false;
    backup.state = 'inSync';
    return true;
  }
  lost(backup: BackupView): RoleEffect[] {
    return backup.state === 'inSync' ? this.#guard.backupLost(this.#backups.inSyncIds()) : [];
  }
  adjust(): RoleEffect[] {
    return [];
  }
  claimWon(): readonly BackupView[] {
    return [];
  }
  isWaitedInVain(nowMs: number): boolean {
    return this.#backups.all().some((backup) => backup.isAwaited && backup.isMute(nowMs));
  }
  lagMs(nowMs: number): number {
    return Math.max(0, ...this.#backups.all().map((backup) => backup.lagMs(nowMs)));
  }
}
