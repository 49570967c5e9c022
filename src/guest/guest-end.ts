import type { Epoch } from '../units.js';

/** How a guest is over, for every replica alike. */
export type GuestEnd =
  | { readonly kind: 'poweredOff'; readonly epoch: Epoch }
  | { readonly kind: 'crashed'; readonly epoch: Epoch; readonly reason: string };
