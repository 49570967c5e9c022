import type { Epoch, InstructionCount } from '../units.js';

/**
 * A guest's state at the end of an epoch, small enough to travel with every record.
 *
 * Shape:  `registers` are the eight general ones in x86 order (eax ecx edx ebx esp ebp esi edi),
 *         unsigned 32 bits; `processorHash` covers these and all other state of the processor
 *         (segments, control registers, FPU, SSE); `memoryHash` the stretch of guest memory that this
 *         epoch scrubbed (all of memory is covered every few seconds of guest time).
 */
export interface StateDigest {
  readonly epoch: Epoch;
  readonly instructions: InstructionCount;
  readonly registers: readonly number[];
  readonly instructionPointer: number;
  readonly flags: number;
  readonly processorHash: number;
  readonly memoryHash: number;
}

/** Guest memory from `startBytes` up to `endBytes`; one that begins higher than it ends goes round. */
export interface MemoryStretch {
  readonly startBytes: number;
  readonly endBytes: number;
}

/**
 * The first field in which two digests differ, in the words of a report; null when none does. With
 * `scrubbed`, which is equal on both sides, a report says where in memory the difference is.
 */
export function firstDifference(
  ours: StateDigest,
  theirs: StateDigest,
  scrubbed?: MemoryStretch,
): string | null {
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
    differs('processor', ours.processorHash, theirs.processorHash) ??
    differs(`memory${placeOf(scrubbed)}`, ours.memoryHash, theirs.memoryHash)
  );
}

function placeOf(stretch: MemoryStretch | undefined): string {
  if (!stretch) return '';
  return ` from 0x${stretch.startBytes.toString(16)} to 0x${stretch.endBytes.toString(16)}`;
}
