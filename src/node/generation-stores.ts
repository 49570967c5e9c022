import type { EndNotes } from '../host/end-notes.js';
import type { GenerationStore } from '../host/generation-store.js';
import type { Roster } from '../host/roster.js';
import type { ArbiterClientOptions } from './arbiter-client.js';
import { FileEndNotes } from './file-end-notes.js';
import { FileGenerationStore } from './file-generation-store.js';
import { FileRoster } from './file-roster.js';
import { HttpGenerationStore } from './http-generation-store.js';
import { HttpEndNotes, HttpRoster } from './http-notes.js';
import type { SharedSecret } from './shared-secret.js';
import type { Vm } from './vm-directory.js';

type Place = Pick<Vm, 'arbiter' | 'generationsDir' | 'id'>;

/** Where it is decided who is live for a VM: on its shared disk, or at its arbiter. */
export function generationsOf(vm: Place, secret: SharedSecret | null): GenerationStore {
  const arbiter = arbiterOf(vm, secret);
  return arbiter ? new HttpGenerationStore(arbiter) : new FileGenerationStore(vm.generationsDir);
}

/** The notes beside it. */
export function rosterOf(vm: Place, secret: SharedSecret | null): Roster {
  const arbiter = arbiterOf(vm, secret);
  return arbiter ? new HttpRoster(arbiter) : new FileRoster(vm.generationsDir);
}
export function endNotesOf(vm: Place, secret: SharedSecret | null): EndNotes {
  const arbiter = arbiterOf(vm, secret);
  return arbiter ? new HttpEndNotes(arbiter) : new FileEndNotes(vm.generationsDir);
}

function arbiterOf(
  { arbiter, id }: Place,
  secret: SharedSecret | null,
): ArbiterClientOptions | null {
  return arbiter === null ? null : { url: arbiter, vm: id, secret };
}
