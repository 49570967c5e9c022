import type { Prng } from '../../src/sim/prng.js';

/** Whether the input was taken, or refused in the way its parser promises. */
export type Outcome = 'taken' | 'refused';

/**
 * One parser of what others made.
 *
 * Shape:  a case is a function of its chance alone, so that its number repeats it. It answers what
 *         became of the input; a thrown FtvmError is a refusal, any other error is a finding.
 */
export interface FuzzTarget {
  readonly name: string;
  /** Of a thousand cases; sockets are slow and take fewer. */
  readonly share: number;
  /** The bytes a single case may leave behind; what is larger is growth. */
  readonly growthBytesMax?: number;
  run(chance: Prng): Outcome | Promise<Outcome>;
  /** Ends what the first case started. */
  close?(): Promise<void>;
}

/** What a case found that is no exception: a broken promise, in words. */
export class Finding extends Error {}

export function insist(isKept: boolean, promise: string): asserts isKept {
  if (!isKept) throw new Finding(promise);
}
