import type { GenerationRecord } from '../arbiter/generation-record.js';
import { votesNeeded } from '../role/quorum.js';
import type { Witness } from './witness.js';

/** Who may go live in a world, as the storage truly is: alone, or with others who agree. */
export class Electorate {
  readonly #latest: () => GenerationRecord | null;
  readonly #isQuorum: boolean;

  constructor(latest: () => GenerationRecord | null, commit: 'all' | 'quorum') {
    this.#latest = latest;
    this.#isQuorum = commit === 'quorum';
  }

  /** The next generation is its to take, or taken; of a quorum: it has a say in that. */
  has(witness: Witness): boolean {
    const status = witness.backupStatus;
    const latest = this.#latest();
    if (!status || status.phase === 'over' || !latest) return false;
    // Of a quorum, one that stands has a say if a claim that took its time names it.
    if (!this.#isQuorum && status.phase === 'standing') return false;
    if (latest.holder.replica === witness.id) return status.inSync;
    if (this.#isQuorum) {
      return (latest.quorum?.members ?? []).some(
        ({ identity, seat }) => identity.replica === witness.id && seat === status.seat?.seat,
      );
    }
    if (!status.inSync) return false;
    return latest.generation === status.generation || latest.inSync.includes(witness.id);
  }

  /** Each of these has a say, and nobody else agrees: are they enough? */
  canDecide(witnesses: readonly Witness[]): boolean {
    const latest = this.#latest();
    if (!this.#isQuorum || witnesses.some(({ id }) => id === latest?.holder.replica)) {
      return witnesses.length > 0;
    }
    return latest?.quorum !== undefined && witnesses.length >= votesNeeded(latest.quorum);
  }
}
