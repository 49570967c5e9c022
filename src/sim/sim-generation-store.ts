import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import type { GuestEnd } from '../guest/guest-end.js';
import type { Roster } from '../host/roster.js';
import type { GenerationRecord, ReplicaIdentity } from '../arbiter/generation-record.js';
import type { GenerationStore } from '../host/generation-store.js';
import type { Generation } from '../units.js';
import type { Prng } from './prng.js';
import type { SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';

/**
 * The generations on the shared storage, as they truly are: one list for the whole world.
 *
 * Shape:  a claim takes effect at one instant, some time between the call and the answer. Storage that
 *         a host cannot reach answers `unreachable`, and the claim may have gone through all the same:
 *         before the answer or long after it, whether its process still lives or not.
 */
export class SimGenerationStore {
  readonly #timeline: Timeline;
  readonly #prng: Prng;
  readonly #records: GenerationRecord[] = [];
  readonly #unreachableFrom = new Map<string, number>();
  /** How guests ended, as noted by the last to run them. */
  readonly ends = new Map<Generation, GuestEnd>();
  #roster: { readonly generation: Generation; readonly inSync: readonly ReplicaIdentity[] } = {
    generation: 0,
    inSync: [],
  };
  /** A generation has begun. */
  onClaimed: (record: GenerationRecord) => void = () => undefined;
  /** A process was told the outcome of its claim. */
  onAnswered: (process: SimProcess, record: GenerationRecord, outcome: ClaimOutcome) => void = () =>
    undefined;

  constructor(timeline: Timeline, prng: Prng) {
    this.#timeline = timeline;
    this.#prng = prng;
  }

  get latest(): GenerationRecord | null {
    return this.#records.at(-1) ?? null;
  }

  read(generation: Generation): GenerationRecord | null {
    return this.#records.find((record) => record.generation === generation) ?? null;
  }

  /** Windows may overlap: the host reaches storage again when the last one closes. */
  cutOff(host: string): () => void {
    this.#unreachableFrom.set(host, (this.#unreachableFrom.get(host) ?? 0) + 1);
    return () => this.#unreachableFrom.set(host, (this.#unreachableFrom.get(host) ?? 1) - 1);
  }

  accessOf(process: SimProcess): GenerationStore {
    return {
      claim: (record) => this.#claim(process, record),
      latest: () =>
        this.#ask(process, () => {
          const { latest } = this;
          return latest ? { kind: 'found' as const, record: latest } : { kind: 'none' as const };
        }),
      read: async (generation) => {
        const answer = await this.#ask(process, () => ({
          kind: 'found' as const,
          record: this.read(generation),
        }));
        if (answer.kind === 'unreachable') throw new Error(answer.why);
        return answer.record;
      },
    };
  }

  /** A hint, kept as well as hints are: what cannot be written or read is lost. */
  rosterOf(process: SimProcess): Roster {
    return {
      write: (generation, inSync) =>
        process.promise((answer) =>
          process.act(() => {
            this.#timeline.after(this.#callMs(), () => {
              if (!this.#isCutOff(process)) this.#roster = { generation, inSync };
              answer(undefined);
            });
          }),
        ),
      read: async (generation) => {
        const found = await this.#ask(process, () => this.#roster);
        return 'kind' in found || found.generation !== generation ? [] : found.inSync;
      },
    };
  }

  #claim(process: SimProcess, record: GenerationRecord): Promise<ClaimOutcome> {
    return process.promise<ClaimOutcome>((answer) => {
      const tell = (outcome: ClaimOutcome): void => {
        if (!process.isDead) this.onAnswered(process, record, outcome);
        answer(outcome);
      };
      process.act(() => {
        if (!this.#isCutOff(process)) {
          this.#timeline.after(this.#callMs(), () => {
            const outcome = this.#testAndSet(record);
            this.#timeline.after(this.#callMs(), () => tell(outcome));
          });
          return;
        }
        const fate = this.#prng.pick(['lost', 'lost', 'unheard', 'late'] as const);
        if (fate === 'unheard') {
          this.#timeline.after(this.#callMs(), () => void this.#testAndSet(record));
        }
        if (fate === 'late') {
          this.#timeline.after(this.#prng.between(50, 2000), () => void this.#testAndSet(record));
        }
        this.#timeline.after(this.#prng.between(5, callMsMax), () => tell(unreachable));
      });
    });
  }

  #ask<Answer>(process: SimProcess, look: () => Answer): Promise<Answer | typeof unreachable> {
    return process.promise<Answer | typeof unreachable>((answer) =>
      process.act(() => {
        if (this.#isCutOff(process)) {
          this.#timeline.after(this.#prng.between(5, callMsMax), () => answer(unreachable));
          return;
        }
        this.#timeline.after(this.#callMs(), () => {
          const found = look();
          this.#timeline.after(this.#callMs(), () => answer(found));
        });
      }),
    );
  }

  /** Exactly one caller wins; the winner may ask again (node/file-generation-store.ts). */
  #testAndSet(record: GenerationRecord): ClaimOutcome {
    const holder = this.read(record.generation);
    if (holder) {
      const isOurs = holder.holder.replica === record.holder.replica;
      return isOurs ? { kind: 'won' } : { kind: 'lost', holder };
    }
    const next = (this.latest?.generation ?? 0) + 1;
    if (record.generation !== next) {
      throw new Error(`bug: generation ${record.generation} claimed when ${next} is next`);
    }
    this.#records.push(record);
    this.onClaimed(record);
    return { kind: 'won' };
  }

  #isCutOff(process: SimProcess): boolean {
    return (this.#unreachableFrom.get(process.host) ?? 0) > 0;
  }

  #callMs(): number {
    return this.#prng.between(0.1, 2);
  }
}

const unreachable = { kind: 'unreachable', why: 'the shared disk does not answer' } as const;
const callMsMax = 400;
