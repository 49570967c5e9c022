import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { Generation } from '../units.js';

/** The generations of one VM, on the storage that all its replicas share. */
export interface GenerationStore {
  /** Creates `record.generation` if, and only if, nobody has. Exactly one caller ever wins. */
  claim(record: GenerationRecord): Promise<ClaimOutcome>;
  latest(): Promise<
    | { readonly kind: 'found'; readonly record: GenerationRecord }
    | { readonly kind: 'none' }
    | { readonly kind: 'unreachable'; readonly why: string }
  >;
  read(generation: Generation): Promise<GenerationRecord | null>;
}
