import { FtvmError } from '../errors.js';

/** The `code` of an operating system error (`ENOENT`), or '' for any other value. */
export function errnoOf(error: unknown): string {
  // Our own errors have codes too, of another kind.
  if (!(error instanceof Error) || error instanceof FtvmError || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** One line on any thrown value, for the `why` of a result or the end of a message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
