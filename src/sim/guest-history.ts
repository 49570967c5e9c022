import type { ReplicaId } from '../arbiter/generation-record.js';
import { pausedAfter, type GuestEvent } from '../guest/guest-event.js';
import type { GuestOutput } from '../guest/guest-output.js';
import { firstDifference, type StateDigest } from '../guest/state-digest.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch, Generation } from '../units.js';
import type { Verdict } from './verdict.js';

/** One epoch as it truly was: what entered, what came out, what it left. */
export interface EpochFacts {
  readonly epoch: Epoch;
  /** The replica that ran it was not the one that ran the epoch before. */
  readonly isTakeOver: boolean;
  events: readonly GuestEvent[];
  /** Since the operator paused it, and until he resumes it, nothing may run. */
  isPaused: boolean;
  outputs: readonly GuestOutput[];
  after: StateDigest | null;
}

/**
 * The epochs one replica ran as a primary, and from where it took over.
 *
 * Shape:  epochs after `from`; those before are its parent's. A run whose primary lost its place has
 *         epochs beyond where its successor begins, which nobody may have seen.
 */
export interface Run {
  readonly id: ReplicaId;
  /** The generation in which the machine was powered on: since then it is the same guest. */
  readonly life: Generation;
  readonly parent: Run | null;
  readonly from: Epoch;
  readonly epochs: (EpochFacts | undefined)[];
  /** The newest epoch whose output has left. */
  leftThrough: Epoch;
  /** Where a successor went live instead. */
  endedAt: Epoch | null;
}

/**
 * Everything every guest did, on whichever replica, and the judge of lockstep: two replicas of one run
 * must be the same machine after the same epoch.
 */
export class GuestHistory {
  readonly #verdict: Verdict;
  readonly #runs = new Map<ReplicaId, Run>();
  digestsCompared = 0;

  constructor(verdict: Verdict) {
    this.#verdict = verdict;
  }

  powerOn(id: ReplicaId, life: Generation): Run {
    return this.#begin({ id, life, parent: null, from: 0 });
  }

  /** `life` is another one where the guest has forgotten what the world has seen. */
  takeOver(id: ReplicaId, parent: Run, from: Epoch, life = parent.life): Run {
    parent.endedAt = from;
    return this.#begin({ id, life, parent, from });
  }

  run(id: ReplicaId): Run | null {
    return this.#runs.get(id) ?? null;
  }

  recorded(run: Run, who: string, { epoch, events, rounds }: LogRecord): void {
    const facts = this.#facts(run, epoch);
    facts.events = events;
    facts.isPaused = pausedAfter(events, this.#wasPaused(run, epoch - 1));
    if (facts.isPaused && rounds > 0) {
      this.#verdict.violated('paused', who, `epoch ${epoch} runs, though the guest is paused`);
    }
  }

  ran(
    run: Run,
    who: string,
    what: Pick<EpochFacts, 'epoch' | 'outputs'> & { after: StateDigest },
  ): void {
    const facts = this.#facts(whoRan(run, what.epoch), what.epoch);
    if (facts.after === null) {
      facts.outputs = what.outputs;
      facts.after = what.after;
      return;
    }
    this.digestsCompared += 1;
    const difference =
      firstDifference(what.after, facts.after) ??
      (what.outputs.length === facts.outputs.length ? null : 'another number of outputs');
    if (difference !== null) {
      this.#verdict.violated(
        'lockstep',
        who,
        `epoch ${what.epoch} of ${run.id}'s run ended otherwise here: ${difference}`,
      );
    }
  }

  /** The epochs of a guest's life up to the last of `run`, oldest first. */
  line(run: Run, through = Number.POSITIVE_INFINITY): EpochFacts[] {
    // A journal may end before its parent's own first epoch.
    const before = run.parent ? this.line(run.parent, Math.min(run.from, through)) : [];
    const own = run.epochs.filter((facts) => facts !== undefined && facts.epoch <= through);
    return before.concat(own as EpochFacts[]);
  }

  #begin(start: Pick<Run, 'id' | 'life' | 'parent' | 'from'>): Run {
    const run: Run = { ...start, epochs: [], leftThrough: 0, endedAt: null };
    this.#runs.set(run.id, run);
    return run;
  }

  #wasPaused(run: Run, epoch: Epoch): boolean {
    if (epoch > run.from) return run.epochs[epoch - run.from - 1]?.isPaused ?? false;
    return run.parent !== null && this.#wasPaused(run.parent, epoch);
  }

  #facts(run: Run, epoch: Epoch): EpochFacts {
    const at = epoch - run.from - 1;
    const isTakeOver = at === 0 && run.parent !== null;
    return (run.epochs[at] ??= {
      epoch,
      isTakeOver,
      events: [],
      isPaused: false,
      outputs: [],
      after: null,
    });
  }
}

/** The newest epoch of a guest's life, up to the last of `run`, whose output has left. */
export function leftThrough(run: Run): Epoch {
  return Math.max(run.leftThrough, run.parent ? leftThrough(run.parent) : 0);
}

/** A replay from an old snapshot begins in the time of an earlier primary. */
export function whoRan(run: Run, epoch: Epoch): Run {
  return epoch <= run.from && run.parent ? whoRan(run.parent, epoch) : run;
}
