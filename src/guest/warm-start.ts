import type { DiskWrite } from './disk-request.js';
import type { ConsoleInput } from './guest-event.js';
import type { Epoch } from '../units.js';
import type { Snapshot } from './snapshot.js';

/** How an image says that its guest can be stopped half-way through its start and copied. */
export interface TemplateRules {
  /** What asks it to, on the kernel's command line. */
  readonly argument: string;
  /** What the console shows when it waits for the line that says who it is. */
  readonly ready: string;
}

/** The epoch that stands for all of the boot; no log has its record. 0 is a machine that is off. */
export const warmStartEpoch: Epoch = 1;

/**
 * What a VM can be switched on with instead of a boot: a machine that stands half-way through it.
 *
 * Shape:  `writes`, in their order, are what it has written to its disks since it was switched on; every
 *         prefix of them is a state that a power cut may leave. `greeting` tells the guest who it is and
 *         is the first thing that enters it.
 */
export interface WarmStart {
  /** At `warmStartEpoch`. */
  readonly snapshot: Snapshot;
  readonly writes: readonly DiskWrite[];
  readonly greeting: ConsoleInput;
}
