import type { Snapshot } from '../guest/snapshot.js';
import type { Epoch } from '../units.js';
import type { RoleEffect } from './role-effect.js';

/**
 * Keeps a snapshot back from the journal until all output from before it has left: a replay that
 * begins there could not say it again.
 *
 * Shape:  one at a time; a newer one takes the place of one that still waits.
 */
export class SnapshotHold {
  #snapshot: Snapshot | null = null;

  hold(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
  }

  release(released: Epoch): RoleEffect[] {
    const snapshot = this.#snapshot;
    if (!snapshot || released < snapshot.epoch) return [];
    this.#snapshot = null;
    return [{ kind: 'journal', command: { kind: 'snapshot', snapshot } }];
  }
}
