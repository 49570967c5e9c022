import type { EndNote } from '../arbiter/end-note.js';
import type { Generation } from '../units.js';

/**
 * Notes that a generation ended with its guest, so that nobody goes live after it: written by the last
 * primary when its guest is off, where the generations are.
 *
 * A note only saves the next start a wait and lets `status` say why nobody runs; without it, as after a
 * power cut, everything is as safe. Errors: none; a note that cannot be written or read is none.
 */
export interface EndNotes {
  write(generation: Generation, note: EndNote): Promise<void>;
  /** Null unless the guest of that generation is known to be off. */
  read(generation: Generation): Promise<EndNote | null>;
}
