import { FtvmError } from '../errors.js';
import type { Epoch } from '../units.js';

/**
 * The backup that was to go live is no replica of the guest that died: what it would go on with is
 * not what the world has seen.
 */
export class DivergedError extends FtvmError {
  readonly code = 'FTVM_DIVERGED';
  readonly remedy = 'Start the VM again with ftvm run --primary: it boots from its disk.';

  constructor(epoch: Epoch, difference: string) {
    super(`Cannot go live: diverged from the primary at epoch ${epoch}: ${difference}`);
  }
}
