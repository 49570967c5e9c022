import type { Fields } from '../host/diagnostics.js';
import { printable } from './printable.js';

export type DiagnosticLevel = 'debug' | 'info' | 'warn' | 'error';

const marks: Readonly<Record<DiagnosticLevel, string>> = {
  debug: 'debug: ',
  info: '',
  warn: 'warning: ',
  error: 'error: ',
};

/** Units that names of fields end in, as people write them. */
const units: Readonly<Record<string, string>> = {
  Ms: 'ms',
  Bytes: 'bytes',
  MiB: 'MiB',
  Percent: '%',
};

/** `ftvm: backup joined (took 412 ms, generation 3)`: one line for a person, without its end. */
export function diagnosticLine(level: DiagnosticLevel, message: string, fields: Fields): string {
  const facts = Object.entries(fields).map(([name, value]) => factOf(name, value));
  const detail = facts.length > 0 ? ` (${facts.join(', ')})` : '';
  return `ftvm: ${marks[level]}${printable(message)}${detail}`;
}

/** `lagMs: 3` reads `lag 3 ms`; `inSync: true` reads `in sync: yes`. */
function factOf(name: string, value: Fields[string]): string {
  const [, noun = name, suffix = ''] = /^(.+?)(Ms|Bytes|MiB|Percent)$/.exec(name) ?? [];
  const words = noun.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  const unit = units[suffix];
  if (typeof value === 'number') return `${words} ${value}${unit === undefined ? '' : ` ${unit}`}`;
  if (typeof value === 'boolean') return `${words}: ${value ? 'yes' : 'no'}`;
  return `${words}: ${value === null ? 'none' : printable(value)}`;
}
