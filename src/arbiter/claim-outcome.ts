import type { GenerationRecord } from './generation-record.js';

/** What a test-and-set on shared storage can answer (FT paper §2.3). */
export type ClaimOutcome =
  | { readonly kind: 'won' }
  /** Somebody else holds that generation, for ever. */
  | { readonly kind: 'lost'; readonly holder: GenerationRecord }
  /** Neither yes nor no: wait and ask again. */
  | { readonly kind: 'unreachable'; readonly why: string };
