import type { GenerationStore } from '../host/generation-store.js';
import { FileGenerationStore } from './file-generation-store.js';
import { HttpGenerationStore } from './http-generation-store.js';
import type { SharedSecret } from './shared-secret.js';
import type { Vm } from './vm-directory.js';

/** Where it is decided who is live for a VM: on its shared disk, or at its arbiter. */
export function generationsOf(
  { arbiter, generationsDir, id }: Vm,
  secret: SharedSecret | null,
): GenerationStore {
  return arbiter === null
    ? new FileGenerationStore(generationsDir)
    : new HttpGenerationStore({ url: arbiter, vm: id, secret });
}
