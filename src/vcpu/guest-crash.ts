/** The emulator threw inside an epoch: a fact about the guest, the same on every replica. */
export class GuestCrash extends Error {}

const ourFolder = new URL('.', import.meta.url).pathname;

/**
 * What an error thrown inside an epoch means: a crash of the guest (v86 or its WebAssembly threw; a
 * triple fault ends in a stack overflow) is returned as `GuestCrash`, a bug of ours is thrown again.
 */
export function guestCrashFrom(error: unknown, lastWords: string): GuestCrash {
  if (isOurs(error)) throw error;
  const told = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const isStackOverflow = error instanceof RangeError && error.message.includes('call stack');
  const reason = isStackOverflow ? 'triple fault (the processor faulted without end)' : told;
  return new GuestCrash(lastWords ? `${reason}: ${lastWords}` : reason, { cause: error });
}

function isOurs(error: unknown): boolean {
  if (!(error instanceof Error)) return false; // v86 throws strings.
  if (error instanceof RangeError && error.message.includes('call stack')) return false;
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  const topFrame = frames[0] ?? '';
  return error.message.startsWith('bug:') || topFrame.includes(ourFolder);
}
