import type { MachineSpec } from '../guest/machine-spec.js';

/** One VM, as its directory on the shared disk describes it. */
export interface VmDescription {
  /** A UUID, drawn when the VM was created: two directories are two VMs. */
  readonly id: string;
  readonly name: string;
  readonly dir: string;
  readonly spec: MachineSpec;
}
