import type { SeatStatus } from '../arbiter/seat.js';
import type { Prng } from './prng.js';
import type { Timeline } from './timeline.js';

/** Where in a process's life a fault strikes: next to its n-th act, counted from 1. */
export interface CutPoint {
  readonly act: number;
  readonly when: 'before' | 'after';
  readonly strike: () => void;
}

/**
 * One process on a host, as far as faults go: what reaches it, and what of its doing reaches the world.
 *
 * ```
 * running ⇄ paused (SIGSTOP: inputs and timers wait, what it was about to do waits too)
 *    └────────┴──▶ dead (nothing in, nothing out, for ever)
 * ```
 * Its code runs on when a fault strikes in the middle of a step, as no JavaScript can be stopped
 * there; but what it does from then on stays inside, which from outside is the same.
 */
export class SimProcess {
  readonly name: string;
  readonly host: string;
  readonly #timeline: Timeline;
  readonly #prng: Prng;
  #state: 'running' | 'paused' | 'dead' = 'running';
  #held: { readonly isTimer: boolean; readonly input: () => void }[] = [];
  #unfinished: (() => void)[] = [];
  readonly #whenDead: (() => void)[] = [];
  #isTakingHeld = false;
  #acts = 0;
  #wasKilled = false;
  cutPoint: CutPoint | null = null;
  /** What its replica would answer: live, or a backup in sync. */
  mayGoLive: () => boolean = () => false;
  /** What its replica says about its place in the log. */
  seat: () => SeatStatus | null = () => null;
  /** An exception nobody caught: a bug. */
  onUncaught: (error: unknown) => void = (error) => {
    throw error;
  };

  constructor(name: string, host: string, timeline: Timeline, prng: Prng) {
    this.name = name;
    this.host = host;
    this.#timeline = timeline;
    this.#prng = prng;
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }
  get wasKilled(): boolean {
    return this.#wasKilled;
  }
  get isRunning(): boolean {
    return this.#state === 'running';
  }
  get isPaused(): boolean {
    return this.#state === 'paused';
  }
  /** Acts so far: see `act`. */
  get acts(): number {
    return this.#acts;
  }

  /** Something reaches the process: at once, when it runs again, or never. */
  enter(input: () => void, isTimer = false): void {
    if (this.#state === 'dead') return;
    // What came while it was stopped comes first.
    if (this.#state === 'paused' || this.#held.length > 0) this.#held.push({ isTimer, input });
    else this.#take(input);
  }

  #take(input: () => void): void {
    try {
      input();
    } catch (error) {
      this.onUncaught(error);
    }
  }

  /** The process does something that the world can see. */
  act(deed: () => void): void {
    if (this.#state === 'dead') return;
    this.#acts += 1;
    const cut = this.cutPoint?.act === this.#acts ? this.cutPoint : null;
    if (cut?.when === 'before') cut.strike();
    if (this.isRunning) deed();
    else if (this.isPaused) this.#unfinished.push(deed);
    if (cut?.when === 'after') cut.strike();
  }

  /** A promise of the host that settles inside this process. */
  promise<Value>(begin: (answer: (value: Value) => void) => void): Promise<Value> {
    return new Promise((resolve) => {
      begin((value) =>
        this.enter(() => {
          this.#timeline.isUnsettled = true;
          resolve(value);
        }),
      );
    });
  }

  pause(): void {
    if (this.isRunning) this.#state = 'paused';
  }

  /** Which comes first after SIGCONT, timers or messages, is anybody's guess. */
  resume(): void {
    if (!this.isPaused) return;
    this.#state = 'running';
    for (const deed of this.#unfinished.splice(0)) deed();
    const held = this.#held.splice(0);
    const timers = held.filter(({ isTimer }) => isTimer);
    const messages = held.filter(({ isTimer }) => !isTimer);
    const order = this.#prng.pick([
      () => held,
      () => [...timers, ...messages],
      () => [...messages, ...timers],
    ])();
    this.#held = [...order];
    this.#takeHeld();
  }

  /** One at a time, each an event of its own, as the event loop would. */
  #takeHeld(): void {
    if (this.#isTakingHeld || this.#held.length === 0) return;
    this.#isTakingHeld = true;
    this.#timeline.after(0, () => {
      this.#isTakingHeld = false;
      if (!this.isRunning) return;
      const next = this.#held.shift();
      if (next) this.#take(next.input);
      this.#takeHeld();
    });
  }

  /** `exited`: in good order, so that what it sent still goes out. */
  end(how: 'killed' | 'exited'): void {
    if (this.isDead) return;
    this.#state = 'dead';
    this.#wasKilled = how === 'killed';
    this.#held = [];
    this.#unfinished = [];
    for (const callback of this.#whenDead.splice(0)) callback();
  }

  whenDead(callback: () => void): void {
    this.#whenDead.push(callback);
  }
}
