import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { SeatAnswer } from '../arbiter/seat.js';

/**
 * `gone`: nobody listens where that replica did, or somebody else does: its process is over.
 * `live`: it answered. `silent`: neither; it may be stopped, cut off, or its host may be dead.
 */
export type ProbeOutcome = 'gone' | 'live' | 'silent';

/** Asks whether the process of a replica is still there. Safety rests on no answer but that about a seat. */
export interface HolderProbe {
  probe(identity: ReplicaIdentity): Promise<ProbeOutcome>;
  /** Whether that replica is live, or a backup in sync: it is, it is not or is gone, nobody answers. */
  mayGoLive(identity: ReplicaIdentity): Promise<'yes' | 'no' | 'silent'>;
  /** The seat that replica has now: safety rests on this one. */
  seatOf(identity: ReplicaIdentity): Promise<SeatAnswer>;
}
