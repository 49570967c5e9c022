import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { Generation } from '../units.js';
import type { FaultPlan } from './fault-plan.js';
import type { SimGenerationStore } from './sim-generation-store.js';
import type { Verdict } from './verdict.js';
import type { Witness } from './witness.js';

/** Judges boots from the disk: is there nobody, and no journal, that has what such a boot forgets? */
export class BootJudge {
  readonly #verdict: Verdict;
  readonly #store: SimGenerationStore;
  readonly #journal: FaultPlan['journal'];
  /** Guests that are off, by their lives. */
  readonly #ended = new Set<Generation>();
  /** Replicas whose operator has said `--cold`. */
  readonly mayBoot = new Set<string>();

  constructor(verdict: Verdict, store: SimGenerationStore, journal: FaultPlan['journal']) {
    this.#verdict = verdict;
    this.#store = store;
    this.#journal = journal;
  }

  guestEnded(life: Generation): void {
    this.#ended.add(life);
  }

  judge({ generation, holder }: GenerationRecord, lastLive: Witness | null): void {
    const before = this.#store.read(generation - 1);
    if (!before) return;
    // The note that says so may be lost with whoever was to write it; the journal has it, too.
    const life = lastLive?.run?.life;
    const isOff = this.#store.ends.has(before.generation) || (life && this.#ended.has(life));
    if (isOff) return;
    const rightful = [before.holder.replica, before.handedOverBy?.replica];
    if (lastLive?.isAlive && rightful.includes(lastLive.id)) {
      this.#violated(holder.replica, `${lastLive.id} is live`);
    }
    // Where journals are kept, it is the operator's word, or comes after a guest's end.
    if (this.#journal === 'none' || this.mayBoot.has(holder.replica)) return;
    this.#violated(holder.replica, `generation ${before.generation} kept a journal`);
  }

  #violated(who: string, why: string): void {
    this.#verdict.violated('outputKept', who, `boots from the disk, and ${why}`);
  }
}
