import type { LinkEnd } from '../host/link.js';
import { errnoOf } from './errno.js';
import { printable } from './printable.js';

/** What an error on the way to `endpoint`, or on the open link, says about the end of the link. */
export function endOfError(error: Error, endpoint: string): LinkEnd {
  if (isRefusal(error)) return { kind: 'refused' };
  switch (errnoOf(error)) {
    case 'ECONNRESET':
    case 'ECONNABORTED':
    case 'EPIPE':
      return { kind: 'closed' };
    default:
      break;
  }
  // Only errors of the operating system name the call that failed; the rest is what was spoken.
  if ('syscall' in error || error instanceof AggregateError) {
    return { kind: 'unreachable', why: `${endpoint}: ${describe(error)}` };
  }
  return { kind: 'protocol', why: `${endpoint}: ${printable(error.message)}` };
}

/** What a close frame (or its absence, 1006) says. The reason is the peer's own text. */
export function endOfCloseCode(code: number, reason: string, endpoint: string): LinkEnd {
  const meaning = complaints[code];
  if (meaning === undefined) return { kind: 'closed' };
  const detail = reason === '' ? meaning : `${meaning} (${printable(reason)})`;
  return { kind: 'protocol', why: `${endpoint} ended the link: ${detail}` };
}

/** Codes of RFC 6455 §7.4.1 with which a peer says that we speak something else. */
const complaints: Readonly<Record<number, string>> = {
  1002: 'we broke the WebSocket protocol',
  1003: 'it does not take that kind of frame',
  1007: 'our text was not UTF-8',
  1008: 'we broke its policy',
  1009: 'our message was too big for it',
  1010: 'it lacks an extension',
};

/**
 * Nobody listens. A name may stand for several addresses (`localhost` is two): then each of them
 * was tried, and those this host cannot even dial say nothing.
 */
function isRefusal(error: Error): boolean {
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error];
  const codes = causes.map(errnoOf);
  return (
    codes.includes('ECONNREFUSED') &&
    codes.every(
      (code) => code === 'ECONNREFUSED' || code === 'EADDRNOTAVAIL' || code === 'ENETUNREACH',
    )
  );
}

/** An AggregateError has no message of its own. */
function describe(error: Error): string {
  if (!(error instanceof AggregateError)) return printable(error.message);
  return error.errors.map((each: unknown) => printable(String(each))).join('; ');
}
