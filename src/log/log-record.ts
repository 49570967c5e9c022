import { eventBytes, type GuestEvent } from '../guest/guest-event.js';
import type { StateDigest } from '../guest/state-digest.js';
import type { Epoch, VirtualMs } from '../units.js';

/**
 * One epoch, as the primary is about to run it: what happens inside is a pure function of the
 * machine's state and this record.
 *
 * Shape:  plain readonly data; epochs are consecutive.
 * Source: FT paper §2.1, with the epochs of Bressoud & Schneider at about a millisecond.
 */
export interface LogRecord {
  readonly epoch: Epoch;
  /** Guest time at the start of the epoch. Inside, instructions move it (vcpu/virtual-time.ts). */
  readonly clockMs: VirtualMs;
  /** What enters the guest before its first instruction, in this order. */
  readonly events: readonly GuestEvent[];
  /**
   * How many of v86's rounds of about 100,003 instructions the epoch runs; fewer if the guest halts
   * or puts something out before. The live vCPU chooses so that an epoch takes about a millisecond.
   * 0 while the guest is paused: events enter, and no instruction runs.
   */
  readonly rounds: number;
  /**
   * A state cut instead of a run: events enter, no instruction runs, and every replica goes on from
   * a fresh machine restored from the state at this point (architecture.md, state transfer).
   */
  readonly cut: boolean;
  /** The primary's state at the end of the epoch before, for replicas to compare. */
  readonly before: StateDigest | null;
}

// Epoch, clock, rounds, digest and framing on the wire; measured with the codec, rounded up.
const fixedBytes = 64;

/** Bytes the record takes in a log buffer. */
export function recordBytes(record: LogRecord): number {
  return record.events.reduce((sum, event) => sum + 24 + eventBytes(event), fixedBytes);
}
