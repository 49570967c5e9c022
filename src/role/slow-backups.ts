import type { ReplicaId } from '../arbiter/generation-record.js';
import type { Epoch } from '../units.js';
import type { BackupView } from './backup-view.js';

/** When a backup costs more than it is worth. */
export interface SlowBackupRule {
  /** Output may wait that long for acks; then the backup that is furthest behind goes. */
  readonly heldMsMax: number;
  /** A backup may lag that far behind while the vCPU has its lowest share … */
  readonly lagMsMax: number;
  /** … and for so long. */
  readonly lagForMsMax: number;
  /** How long it stays away before it may join again; twice as long each time that it happens again. */
  readonly awayMs: number;
}

export const defaultSlowBackupRule: SlowBackupRule = {
  heldMsMax: 2_000,
  lagMsMax: 1_000,
  lagForMsMax: 10_000,
  awayMs: 10_000,
};

/** What the primary sees when it asks. */
export interface Burden {
  readonly backups: readonly BackupView[];
  /** The oldest output that waits for acks. */
  readonly oldestHeld: { readonly epoch: Epoch; readonly heldAtMs: number } | null;
  /** Output waits for the storage: that is no backup's fault. */
  readonly mayRelease: boolean;
  /** What only this one has not taken fills the log, and nobody waits for it. */
  readonly straggler: BackupView | null;
  readonly isAtLowestShare: boolean;
}

/**
 * Finds the backup that is alive, gets on, and is too slow all the same: the guest must not be as slow
 * as the slowest of several for ever. Dropping it costs a new generation, like any loss.
 *
 * Shape:  asked at every tick; names one backup at a time, and the others get their full patience again.
 * Source: FT paper §3.2 slows the primary down; with one backup that is all one can do.
 */
export class SlowBackups {
  readonly #rule: SlowBackupRule;
  #excusedAtMs: number;
  readonly #laggingSinceMs = new WeakMap<BackupView, number>();
  readonly #away = new Map<ReplicaId, { readonly untilMs: number; readonly pauseMs: number }>();

  constructor(rule: SlowBackupRule, nowMs: number) {
    this.#rule = rule;
    this.#excusedAtMs = nowMs;
  }

  /** We slept: what took long was our own doing. */
  excuse(nowMs: number): void {
    this.#excusedAtMs = nowMs;
  }

  find(
    burden: Burden,
    nowMs: number,
  ): { readonly backup: BackupView; readonly why: string } | null {
    if (!burden.mayRelease) this.#excusedAtMs = nowMs;
    const found =
      this.#holdsOutput(burden, nowMs) ??
      this.#lags(burden, nowMs) ??
      this.#fillsTheLog(burden, nowMs);
    if (found) {
      this.#excusedAtMs = nowMs;
      this.#sendAway(found.backup.identity.replica, nowMs);
    }
    return found;
  }

  /** How long this replica has to stay away yet; 0 if it may join. */
  awayForMs(replica: ReplicaId, nowMs: number): number {
    return Math.max(0, (this.#away.get(replica)?.untilMs ?? 0) - nowMs);
  }

  #holdsOutput({ backups, oldestHeld }: Burden, nowMs: number): ReturnType<SlowBackups['find']> {
    if (!oldestHeld) return null;
    const heldMs = nowMs - Math.max(oldestHeld.heldAtMs, this.#excusedAtMs);
    if (heldMs <= this.#rule.heldMsMax) return null;
    const [last] = backups
      .filter(({ isAwaited, acked }) => isAwaited && acked < oldestHeld.epoch)
      .sort((a, b) => a.acked - b.acked);
    return last
      ? { backup: last, why: `it is too slow: output has waited ${heldMs.toFixed(0)} ms for it` }
      : null;
  }

  #lags({ backups, isAtLowestShare }: Burden, nowMs: number): ReturnType<SlowBackups['find']> {
    for (const backup of backups) {
      const lagMs = backup.takesRecords ? backup.lag.lagMs(nowMs) : 0;
      if (!isAtLowestShare || lagMs <= this.#rule.lagMsMax) {
        this.#laggingSinceMs.delete(backup);
        continue;
      }
      const sinceMs = this.#laggingSinceMs.get(backup) ?? nowMs;
      this.#laggingSinceMs.set(backup, sinceMs);
      if (nowMs - Math.max(sinceMs, this.#excusedAtMs) <= this.#rule.lagForMsMax) continue;
      return {
        backup,
        why: `it is too slow: ${lagMs.toFixed(0)} ms behind a guest slowed down for it`,
      };
    }
    return null;
  }

  /** A buffer may be full for a moment, and the guest stops: only what lasts is worth a backup. */
  #fillsTheLog({ straggler }: Burden, nowMs: number): ReturnType<SlowBackups['find']> {
    if (!straggler || straggler.lagMs(nowMs) <= this.#rule.heldMsMax) return null;
    const why = 'it is too slow: the log is full of what only this backup has not taken';
    return { backup: straggler, why };
  }

  #sendAway(replica: ReplicaId, nowMs: number): void {
    const before = this.#away.get(replica);
    const isAgain = before && nowMs - before.untilMs < before.pauseMs * forgivenPauses;
    const pauseMs = isAgain
      ? Math.min(before.pauseMs * 2, this.#rule.awayMs * awayFactorMax)
      : this.#rule.awayMs;
    // The newest last; processes come and go, and the oldest are not coming back.
    this.#away.delete(replica);
    this.#away.set(replica, { untilMs: nowMs + pauseMs, pauseMs });
    for (const oldest of [...this.#away.keys()].slice(0, -rememberedMax)) this.#away.delete(oldest);
  }
}

// Good for six times as long as it was away: it starts again.
const forgivenPauses = 6;
// 10 s, 20 s, … 320 s: a host that is always too slow costs a state transfer every five minutes.
const awayFactorMax = 32;
const rememberedMax = 64;
