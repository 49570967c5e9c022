import type { Epoch, InstructionCount } from '../units.js';

/**
 * A guest's state at the end of an epoch, small enough to travel with every record.
 *
 * Shape:  `registers` are the eight general ones in x86 order (eax ecx edx ebx esp ebp esi edi),
 *         unsigned 32 bits; `memoryHash` is a running hash over the stretch of guest memory that
 *         this epoch scrubbed (all of memory is covered every few seconds of guest time).
 */
export interface StateDigest {
  readonly epoch: Epoch;
  readonly instructions: InstructionCount;
  readonly registers: readonly number[];
  readonly instructionPointer: number;
  readonly flags: number;
  readonly memoryHash: number;
}

/** The first field in which two digests differ, in the words of a report; null when none does. */
export function firstDifference(ours: StateDigest, theirs: StateDigest): string | null {
  const differs = (field: string, a: number, b: number): string | null =>
    a === b ? null : `${field}: 0x${a.toString(16)} here, 0x${b.toString(16)} there`;
  const names = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
  return (
    differs('epoch', ours.epoch, theirs.epoch) ??
    differs('instructions', ours.instructions, theirs.instructions) ??
    names
      .map((name, i) => differs(name, ours.registers[i] ?? 0, theirs.registers[i] ?? 0))
      .find((found) => found !== null) ??
    differs('eip', ours.instructionPointer, theirs.instructionPointer) ??
    differs('eflags', ours.flags, theirs.flags) ??
    differs('memory', ours.memoryHash, theirs.memoryHash)
  );
}
