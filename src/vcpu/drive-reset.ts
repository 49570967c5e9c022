import type { V86IdeInterface } from './v86-internals.js';

const listeners = new WeakMap<V86IdeInterface, () => void>();
const watched = new WeakSet<object>();

/**
 * Calls `listener` whenever the guest resets the drive. v86 then drops the drive's reads but not its
 * writes: their late end would answer the command that follows. v86 seals the drive's object and so
 * leaves only its class to listen at.
 */
export function onDriveReset(ide: V86IdeInterface, listener: () => void): void {
  listeners.set(ide, listener);
  const shared = Object.getPrototypeOf(ide) as Pick<V86IdeInterface, 'cancel_io_operations'>;
  if (watched.has(shared)) return;
  watched.add(shared);
  const cancelReads = shared.cancel_io_operations;
  shared.cancel_io_operations = function (this: V86IdeInterface) {
    cancelReads.call(this);
    listeners.get(this)?.();
  };
}
