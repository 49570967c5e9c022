import type { GuestEnd } from '../guest/guest-end.js';

/** How a generation ended with its guest; `at` is a date for people. */
export type EndNote = GuestEnd & { readonly at: string };

/** Reads what was written as JSON, by whomever; null for what is no such note. */
export function endNoteOf(value: unknown): EndNote | null {
  if (typeof value !== 'object' || value === null) return null;
  const { kind, epoch, at, reason } = value as Readonly<Record<string, unknown>>;
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || typeof at !== 'string') {
    return null;
  }
  switch (kind) {
    case 'poweredOff':
      return { kind, epoch, at };
    case 'crashed':
      return { kind, epoch, at, reason: typeof reason === 'string' ? reason : 'unknown' };
    default:
      return null;
  }
}
