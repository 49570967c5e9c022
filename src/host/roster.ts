import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { Generation } from '../units.js';

/**
 * Who may go live if the primary of a generation dies, as far as it last said: a note on the shared
 * storage, for those who would else boot the guest from its disk.
 *
 * Errors: none. It is a hint, and may be missing or old: then a start waits for a time, not for names.
 */
export interface Roster {
  write(generation: Generation, inSync: readonly ReplicaIdentity[]): Promise<void>;
  /** Empty if nothing is known about that generation. */
  read(generation: Generation): Promise<readonly ReplicaIdentity[]>;
}
