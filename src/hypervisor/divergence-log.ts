import type { ReplicaId } from '../arbiter/generation-record.js';
import type { Epoch } from '../units.js';

/** The last replica that was found to be none, for every screen. */
export interface DivergenceRow {
  readonly epoch: Epoch;
  /** What differed first, and where. */
  readonly what: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly replica: ReplicaId;
  /** Times since this process started, this one included. */
  readonly count: number;
  /**
   * Replicas that differed from the primary in the same way after the same epoch. Two that agree
   * against it make the primary's own memory the likely one to be wrong.
   */
  readonly agreeing: number;
}

/** What this process has seen of replicas that diverged: others as their primary, itself as a backup. */
export class DivergenceLog {
  #last: DivergenceRow | null = null;
  readonly #agreeing = new Set<ReplicaId>();

  add(what: Pick<DivergenceRow, 'epoch' | 'what' | 'replica'>, wallClockMs: number): void {
    const before = this.#last;
    if (before?.epoch !== what.epoch || before.what !== what.what) this.#agreeing.clear();
    this.#agreeing.add(what.replica);
    this.#last = {
      ...what,
      at: new Date(wallClockMs).toISOString(),
      count: this.count + 1,
      agreeing: this.#agreeing.size,
    };
  }

  get last(): DivergenceRow | null {
    return this.#last;
  }
  get count(): number {
    return this.#last?.count ?? 0;
  }
}
