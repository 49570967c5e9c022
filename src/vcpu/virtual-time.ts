import type { VirtualMs } from '../units.js';
import type { Chance } from './chance.js';

// A nominal 2000 MIPS: faster than v86 is (it was seen to pass 1000), so that guest time inside an
// epoch stays behind the host's and the next record's clock can always catch up.
const msPerInstruction = 0.5e-6;
// What RDTSC costs the host, nearly: a guest that waits by reading its clock (Linux' udelay, which ATA
// takes for 250 µs a command) would else wait as many times longer as it is slower than nominal.
const msPerReading = 30e-6;
// main_loop leaves after one round once it believes that more than a millisecond has passed.
const beforeAnyRoundMs = 2;

/**
 * The guest's clock: the clock of the epoch's record plus the instructions run, and the readings of the
 * time-stamp counter made, since its start.
 *
 * Shape:  `startEpoch` and `freeze` set it; `nowMs` reads it. Reading is the hottest call from
 *         WebAssembly into JavaScript (Linux reads the TSC millions of times a minute), so it
 *         allocates nothing and sees one shape of object only.
 * Units:  virtual milliseconds.
 * Source: FT paper §2.1: time is an input, and the log carries it.
 */
export class VirtualTime {
  #startMs = 0;
  #startCount = 0;
  #opening = false;
  #counter: Uint32Array = new Uint32Array(1);
  #readCounter: () => Uint32Array = () => new Uint32Array(1);

  /** Milliseconds since 1970 when guest time was 0: whole. */
  wallClockAtStartMs: number;

  constructor(wallClockAtStartMs: number) {
    this.wallClockAtStartMs = wallClockAtStartMs;
  }

  nowMs(): VirtualMs {
    // Growing WebAssembly memory detaches its views.
    if (this.#counter.length === 0) this.#counter = this.#readCounter();
    return this.#startMs + (((this.#counter[0] ?? 0) - this.#startCount) >>> 0) * msPerInstruction;
  }

  /** Milliseconds since 1970, as the guest's real-time clock has them: whole. */
  wallClockMs(): number {
    return this.wallClockAtStartMs + Math.floor(this.nowMs());
  }

  setWallClock(wallClockMs: number): void {
    this.wallClockAtStartMs = wallClockMs - Math.floor(this.nowMs());
  }

  /**
   * The clock as main_loop sees it. Its first reading is the start of its time slice, which we put
   * far enough back that it leaves after exactly one round of about 100,003 instructions; every
   * later reading may be the guest's (RDTSC), takes its time, and is the truth.
   */
  loopTick(): VirtualMs {
    if (this.#opening) {
      this.#opening = false;
      return this.#startMs - beforeAnyRoundMs;
    }
    this.#startMs += msPerReading;
    return this.nowMs();
  }

  /** Guest time stands still at `clockMs`: while a machine is built, saved or restored. */
  freeze(clockMs: VirtualMs): void {
    this.#startMs = clockMs;
    this.#startCount = 0;
    this.#opening = false;
    this.#readCounter = () => new Uint32Array(1);
    this.#counter = this.#readCounter();
  }

  /** Guest time runs from `clockMs` with the machine's instruction counter. */
  startEpoch(clockMs: VirtualMs, readCounter: () => Uint32Array): void {
    this.#readCounter = readCounter;
    this.#counter = readCounter();
    this.#startMs = clockMs;
    this.#startCount = this.#counter[0] ?? 0;
  }

  /** main_loop is about to be called. */
  startRound(): void {
    this.#opening = true;
  }
}

/**
 * Puts guest time and chance in the place of this thread's own. It must run before v86 is imported:
 * v86 binds `performance.now` as it loads, and its device models read `Date` and `Math.random`.
 * Returns the host's monotonic clock, in milliseconds, for the one who may still need it.
 */
export function installGuestGlobals(time: VirtualTime, chance: Chance): () => number {
  const hostNowMs = performance.now.bind(performance);
  performance.now = () => time.nowMs();

  const HostDate = Date;
  class GuestDate extends HostDate {
    constructor(...parts: [] | [number | string]) {
      if (parts.length === 0) super(time.wallClockMs());
      else super(...(parts as [number]));
    }
    static override now(): number {
      return time.wallClockMs();
    }
  }
  globalThis.Date = GuestDate as DateConstructor;

  Math.random = () => chance.nextFraction();
  Object.defineProperty(globalThis, 'crypto', {
    value: {
      getRandomValues: <T extends NodeJS.TypedArray>(array: T): T => {
        chance.fill(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
        return array;
      },
    },
  });
  return hostNowMs;
}
