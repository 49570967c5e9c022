import type { ConsoleOffset, Epoch, InstructionCount, VirtualMs } from '../units.js';

/**
 * A machine between two epochs, enough to go on from on another host.
 *
 * Shape:  `state` is all of v86's machine (vcpu/machine-state.ts), no disks in it; the rest is what
 *         the vCPU knows beside it.
 * Source: FT paper §3.1 (FT VMotion).
 */
export interface Snapshot {
  /** The epoch that had just ended. */
  readonly epoch: Epoch;
  readonly clockMs: VirtualMs;
  readonly instructions: InstructionCount;
  readonly consoleOffset: ConsoleOffset;
  /** The id of the last disk request issued. */
  readonly lastRequestId: number;
  /** Milliseconds since 1970 when guest time was 0, by the machine's battery-backed clock. */
  readonly wallClockAtStartMs: number;
  /** Where the generator of chance stands. */
  readonly chanceState: number;
  /** Console input the guest's UART had received and the guest had not read. */
  readonly uartInput: Uint8Array;
  /** The operator has paused the guest, and not resumed it. */
  readonly isPaused: boolean;
  readonly state: Uint8Array;
}
