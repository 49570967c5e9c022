import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import type { BackupStatus } from './backup-status.js';
import type { BackupJournal } from './backup-journal.js';
import type { ReplayedGuest } from './replayed-guest.js';
import type { RoleEffect } from './role-effect.js';
import type { RoleInput } from './role-input.js';
import type { SnapshotHold } from './snapshot-hold.js';

/** What a backup that has lost its primary still has. */
export interface KeptGuest {
  readonly guest: ReplayedGuest;
  readonly snapshots: SnapshotHold;
  readonly journal: BackupJournal;
  readonly last: BackupStatus;
  /** When it noticed; 0 if it was not that which it noticed. */
  readonly lostAtMs: number;
}

/**
 * A replica between two primaries: it was a backup, may not go live, and keeps its machine for the log
 * of whoever is live now. What it has received runs on to its end.
 *
 * ```
 *                                         the log of the new primary goes on from ours
 * Backup ─▶ Standing ─▶ Backup (greeting) ─▶ replaying
 *              │                └─▶ a new replica, with the state: our log has parted from theirs
 *              ├─▶ rejoin, without a guest: it diverged
 *              └─▶ Backup (electing): a claim of its dead primary took its time, and names it
 * ```
 * Shape:  as a role: `step` takes an input and returns effects. Whoever drives it makes it a `Backup`
 *         again once somebody is live.
 * Source: FT paper §2.3: of several that may go live one does; the others follow it.
 */
export class Standing {
  readonly kept: KeptGuest;

  constructor(kept: KeptGuest) {
    this.kept = kept;
  }

  /**
   * Whether this generation, newer than the one it gave up in, names its seat: then it has a say in the
   * next one, and nobody else may be left to ask for it.
   */
  isMemberOf({ generation, holder, quorum }: GenerationRecord): boolean {
    const { last } = this.kept;
    return (
      generation > last.generation &&
      holder.replica === last.primary?.replica &&
      (quorum?.members ?? []).some(({ seat }) => seat === last.seat?.seat)
    );
  }

  step(input: RoleInput): RoleEffect[] {
    switch (input.kind) {
      case 'vcpu':
        return this.#vcpuEvent(input.event);
      case 'journalDurable':
        this.kept.journal.durable = input.epoch;
        return [];
      case 'peerMessage':
        return [{ kind: 'closePeer', peer: input.peer }];
      case 'leave':
        return [{ kind: 'end', end: { kind: 'left' } }];
      case 'tick':
      case 'peerOpened':
      case 'peerEnded':
      case 'heartbeat':
      case 'lastWill':
      case 'claimAnswered':
      case 'generationsRead':
      case 'probed':
      case 'memberAnswered':
      case 'journalRead':
      case 'diskFinished':
      case 'diskCompared':
      case 'diskDigested':
      case 'guestEvent':
      case 'handOver':
        return [];
    }
  }

  #vcpuEvent(event: VcpuEvent): RoleEffect[] {
    const { guest, snapshots, journal } = this.kept;
    switch (event.kind) {
      case 'ran':
        return [...guest.epochRan(event), ...journal.ran(event)];
      case 'crashed':
        guest.crashed(event);
        return [];
      case 'diverged': {
        const { epoch, difference } = event;
        const why = `diverged from its last primary at epoch ${epoch}: ${difference}`;
        return [{ kind: 'end', end: { kind: 'rejoin', why, hasDiverged: true } }];
      }
      case 'cutTaken':
        // For the journal, once a primary says that what came before it has left.
        if (journal.isKept) snapshots.hold(event.snapshot);
        return [];
      case 'recorded':
      case 'rested':
      case 'wentLive':
        return [];
    }
  }

  status(): BackupStatus {
    const { guest, last } = this.kept;
    const { received, ran, isPaused, log } = guest;
    return {
      ...last,
      seat: last.seat && { ...last.seat, hasLeft: true, received },
      phase: 'standing',
      inSync: false,
      received,
      ran,
      isPaused,
      logBufferBytes: log.levelBytes,
    };
  }
}
