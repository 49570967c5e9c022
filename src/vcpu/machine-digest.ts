import type { StateDigest } from '../guest/state-digest.js';
import type { Epoch, InstructionCount, VirtualMs } from '../units.js';
import { hashWords, type MemoryScrub } from './memory-scrub.js';
import { wasmOffsets } from './v86-internals.js';
import type { V86Machine } from './v86-machine.js';

const wordAt = (offsetBytes: number): number => (offsetBytes - wasmOffsets.registers) / 4;
const instructionPointerWord = wordAt(wasmOffsets.instructionPointer);

/**
 * The state of a machine at the end of an epoch. Of the processor's state only what a person can read
 * travels as it is; all of it is in the hash.
 */
export function digestMachine(
  machine: V86Machine,
  scrub: MemoryScrub,
  at: { epoch: Epoch; instructions: InstructionCount; clockMs: VirtualMs },
): StateDigest {
  const flags = machine.cpu.get_eflags() >>> 0;
  const words = machine.processorWords;
  return {
    epoch: at.epoch,
    instructions: at.instructions,
    registers: [
      words[0]! >>> 0,
      words[1]! >>> 0,
      words[2]! >>> 0,
      words[3]! >>> 0,
      words[4]! >>> 0,
      words[5]! >>> 0,
      words[6]! >>> 0,
      words[7]! >>> 0,
    ],
    instructionPointer: words[instructionPointerWord]! >>> 0,
    flags,
    processorHash: hashWords(words, 0, words.length, 0),
    memoryHash: scrub.hash(machine.memoryWords, at.clockMs),
  };
}
