import type { Epoch } from '../units.js';
import type { BackupSet } from './backup-set.js';
import type { BackupView } from './backup-view.js';
import type { GenerationGuard } from './generation-guard.js';
import type { Membership } from './membership.js';
import { ackedByQuorum, acksNeeded } from './quorum.js';
import type { RoleEffect } from './role-effect.js';

/**
 * `--commit quorum`: output waits for a majority, so one slow or dead backup delays nothing.
 *
 * The members are those that our generation names. Whoever goes live asks as many of them as it takes
 * to meet every majority (role/election.ts), so two things have to hold at every moment:
 *
 * - what has left is acknowledged by a majority of the members that the storage names;
 * - the storage may name the old members or the new ones while a claim is under way, so then by a
 *   majority of either.
 *
 * Shape:  a change of the members is a generation of its own: first that is written, then it counts.
 *         A member that is lost stays one until then, with the acks it gave.
 */
export class QuorumMembership implements Membership {
  readonly #backups: BackupSet;
  readonly #guard: GenerationGuard;
  /** In our generation. */
  #members: readonly BackupView[] = [];
  /** In the one that we claim. */
  #claimed: readonly BackupView[] | null = null;
  readonly #caughtUp = new WeakSet<BackupView>();

  constructor(backups: BackupSet, guard: GenerationGuard) {
    this.#backups = backups;
    this.#guard = guard;
  }

  /** A claim that is not answered does not matter: acks count for both of its outcomes. */
  get mayRelease(): boolean {
    return this.#guard.isVerified;
  }

  covered(ran: Epoch): Epoch {
    return Math.min(
      ackedByQuorum(this.#members, ran),
      ackedByQuorum(this.#claimed ?? this.#wished(), ran),
    );
  }

  /** Named by a generation it may go live before we could tell it, so it has to have its state. */
  caughtUp(backup: BackupView): boolean {
    if (backup.hasAcked) this.#caughtUp.add(backup);
    return false;
  }
  lost(): RoleEffect[] {
    return [];
  }

  /** Names the members anew, once what has left is on a majority of the new ones, too. */
  adjust(released: Epoch): RoleEffect[] {
    if (!this.#guard.isOpen) return [];
    const wished = this.#wished();
    const hasJoined = wished.some((backup) => !this.#members.includes(backup));
    if (!hasJoined && wished.length === this.#members.length) return [];
    if (ackedByQuorum(wished, released) < released) return [];
    this.#claimed = wished;
    const members = wished.map(({ identity, seat }) => ({ identity, seat }));
    const reason = hasJoined ? 'backupJoined' : 'backupLost';
    return this.#guard.claimMembers({ acks: acksNeeded(members.length), members }, reason);
  }

  claimWon(): readonly BackupView[] {
    this.#members = this.#claimed ?? this.#members;
    this.#claimed = null;
    const joined = this.#connected().filter(({ state }) => state !== 'inSync');
    for (const backup of joined) backup.state = 'inSync';
    return joined;
  }

  isWaitedInVain(nowMs: number): boolean {
    const heard = this.#connected().filter((backup) => !backup.isMute(nowMs));
    return heard.length < acksNeeded(this.#members.length);
  }

  /** Of the members, those that output waits for; and who catches up must be able to. */
  lagMs(nowMs: number): number {
    const members = this.#connected();
    const awaited = members
      .map((backup) => backup.lagMs(nowMs))
      .sort((a, b) => a - b)
      .slice(0, acksNeeded(this.#members.length));
    const joining = this.#backups.all().filter((backup) => !members.includes(backup));
    return Math.max(0, ...awaited, ...joining.map((backup) => backup.lagMs(nowMs)));
  }

  get straggler(): BackupView | null {
    const [last] = this.#connected().sort((a, b) => a.acked - b.acked);
    const isLast = last && last.acked + 1 === this.#backups.oldestNeeded;
    const isAwaited = last && last.acked >= ackedByQuorum(this.#members, Infinity);
    return isLast && !isAwaited ? last : null;
  }

  /** Members that are still there. */
  #connected(): BackupView[] {
    return this.#backups.all().filter((backup) => this.#members.includes(backup));
  }
  #wished(): BackupView[] {
    return this.#backups
      .all()
      .filter((backup) => this.#members.includes(backup) || this.#caughtUp.has(backup));
  }
}
