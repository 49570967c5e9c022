import type { Epoch } from '../units.js';

/** Which file of a journal this is. */
export interface JournalName {
  /** Counts the guests a directory has seen: power-on, or a state received from a primary. */
  readonly run: number;
  readonly kind: 'log' | 'snapshot';
  /** The first epoch of a log; the epoch after which a snapshot was taken. */
  readonly epoch: Epoch;
}

export function journalFileName({ run, kind, epoch }: JournalName): string {
  return `${pad(run, 6)}-${pad(epoch, 12)}.${kind}`;
}

/** Null for a file that is none of a journal's. */
export function parseJournalFileName(name: string): JournalName | null {
  const match = /^(\d{6})-(\d{12})\.(log|snapshot)$/.exec(name);
  if (!match) return null;
  return { run: Number(match[1]), kind: match[3] as JournalName['kind'], epoch: Number(match[2]) };
}

const pad = (value: number, digits: number): string => String(value).padStart(digits, '0');
