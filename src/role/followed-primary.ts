import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { Seat, SeatStatus } from '../arbiter/seat.js';
import type { Welcome } from '../channel/wire-message.js';
import type { Lineage } from '../log/log-history.js';
import type { Epoch } from '../units.js';
import type { BackupStatus } from './backup-status.js';
import { defaultRedundancy, type CommitRule, type Redundancy } from './redundancy.js';

/** What a backup knows of the primary it follows: what its welcome says, and nothing before. */
export class FollowedPrimary {
  readonly #wished: Partial<Redundancy>;
  /** What the backup was before: until it is welcome it answers for its last seat, which it has left. */
  readonly #before: BackupStatus | null;
  #identity: ReplicaIdentity | null = null;
  #lineage: Lineage = { liveSince: 0, before: [] };
  #redundancy: Redundancy = defaultRedundancy;
  #commit: CommitRule = 'all';
  #seat: Seat | null = null;

  /** `wished`: how redundant the VM is to be once the backup is live itself. */
  constructor(wished: Partial<Redundancy>, before: BackupStatus | null) {
    this.#wished = wished;
    this.#before = before;
  }

  get identity(): ReplicaIdentity | null {
    return this.#identity;
  }
  get before(): BackupStatus | null {
    return this.#before;
  }
  get lineage(): Lineage {
    return this.#lineage;
  }
  /** For when the backup is live; its commit rule may be another than this primary's. */
  get redundancy(): Redundancy {
    return this.#redundancy;
  }
  get seat(): Seat | null {
    return this.#seat;
  }
  /** Its generations name who may succeed it. */
  get namesMembers(): boolean {
    return this.#commit === 'quorum';
  }

  welcomed({ identity, redundancy, lineage, seat }: Welcome): void {
    this.#identity = identity;
    this.#redundancy = { ...redundancy, ...this.#wished };
    this.#lineage = lineage;
    this.#commit = redundancy.commit;
    this.#seat = seat;
  }

  /** It is dead, and was the primary of a backup with this status. */
  remembered({ primary, seat, commit, backupsWished }: BackupStatus): void {
    this.#identity = primary;
    this.#seat = seat?.seat ?? null;
    this.#commit = commit;
    this.#redundancy = { backups: backupsWished, commit };
  }

  status(
    received: Epoch,
    hasLeft: boolean,
  ): Pick<BackupStatus, 'primary' | 'commit' | 'seat' | 'backupsWished'> {
    return {
      primary: this.#identity,
      commit: this.#commit,
      seat: this.#seatStatus(received, hasLeft),
      backupsWished: this.#redundancy.backups,
    };
  }

  #seatStatus(received: Epoch, hasLeft: boolean): SeatStatus | null {
    if (this.#seat !== null) return { seat: this.#seat, hasLeft, received };
    const left = this.#before?.seat;
    return left ? { ...left, hasLeft: true, received } : null;
  }
}
