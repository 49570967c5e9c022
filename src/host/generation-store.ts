import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { Generation } from '../units.js';

/** What a test-and-set on shared storage can answer (FT paper §2.3). */
export type ClaimOutcome =
  | { readonly kind: 'won' }
  /** Somebody else holds that generation, for ever. */
  | { readonly kind: 'lost'; readonly holder: GenerationRecord }
  /** Neither yes nor no: wait and ask again. */
  | { readonly kind: 'unreachable'; readonly why: string };

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
