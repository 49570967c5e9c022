/**
 * What a PC's display shows in text mode.
 *
 * Shape:  `cells` has two bytes for each place, row by row: a character of code page 437 and an attribute
 *         (low four bits foreground, next three background, highest: blinking).
 */
export interface TextScreen {
  readonly columns: number;
  readonly rows: number;
  readonly cells: Uint8Array;
  /** Null: hidden, or not on the screen. */
  readonly cursor: { readonly row: number; readonly column: number } | null;
}

/** What a PC's display shows; of pixels no more is known here. */
export type Display = ({ readonly kind: 'text' } & TextScreen) | { readonly kind: 'pixels' };
