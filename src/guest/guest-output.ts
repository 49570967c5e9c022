import type { ConsoleOffset } from '../units.js';
import type { DiskRequest } from './disk-request.js';

/**
 * Everything a guest does that the world outside could see, in the order the guest did it.
 *
 * Source: FT paper §2.2. All of it is held by the Output Rule but disk reads, which change nothing
 *         outside; they are here because the hypervisor has to perform them.
 */
export type GuestOutput = ConsoleBytes | FrameSent | DiskRequest | PowerOff | Reboot;

/** Bytes written to the serial console (ttyS0). */
export interface ConsoleBytes {
  readonly kind: 'consoleBytes';
  readonly bytes: Uint8Array;
  /** Where the first of `bytes` stands in everything the guest ever wrote. */
  readonly offset: ConsoleOffset;
}
/** An Ethernet frame left the guest's NIC. */
export interface FrameSent {
  readonly kind: 'frameSent';
  readonly frame: Uint8Array;
}
/** The guest halted for good (HLT with interrupts off), or the operator cut the power. */
export interface PowerOff {
  readonly kind: 'powerOff';
}
/** The guest reset itself. The vCPU goes on with a fresh machine; nothing is left to do. */
export interface Reboot {
  readonly kind: 'reboot';
}

/** Bytes the guest put out with it. */
export function outputBytes(output: GuestOutput): number {
  switch (output.kind) {
    case 'consoleBytes':
      return output.bytes.byteLength;
    case 'frameSent':
      return output.frame.byteLength;
    case 'diskWrite':
      return output.data.byteLength;
    case 'diskRead':
    case 'reboot':
    case 'powerOff':
      return 0;
  }
}
