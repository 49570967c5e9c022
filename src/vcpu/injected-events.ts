import { assert } from '../assert.js';
import type { GuestEvent } from '../guest/guest-event.js';

/**
 * Events for the guest that are in no record yet, kept on the side that was given them: the vCPU's
 * thread names them by their number, and their bytes do not travel back.
 *
 * Shape:  numbers count from 0 in the order of `add`, on both sides.
 * Drop policy: frames beyond `framesMax` are dropped, as a receive ring that nobody empties does, and
 * typed input beyond `typedBytesMax`, which only a paused guest leaves waiting; everything else is
 * bounded by who asks for it.
 */
export class InjectedEvents {
  readonly #kept = new Map<number, GuestEvent>();
  #unsent: GuestEvent[] = [];
  #count = 0;
  #frameCount = 0;
  #typedBytes = 0;

  /** False if it was dropped. */
  add(event: GuestEvent): boolean {
    if (event.kind === 'frameReceived') {
      if (this.#frameCount >= framesMax) return false;
      this.#frameCount += 1;
    }
    if (event.kind === 'consoleInput') {
      if (this.#typedBytes >= typedBytesMax) return false;
      this.#typedBytes += event.bytes.byteLength;
    }
    this.#kept.set(this.#count, event);
    this.#count += 1;
    this.#unsent.push(event);
    return true;
  }

  /** Those added since the last call. */
  takeUnsent(): readonly GuestEvent[] {
    const unsent = this.#unsent;
    this.#unsent = [];
    return unsent;
  }

  /** They are in a record now; forgotten here. */
  recorded(numbers: readonly number[]): GuestEvent[] {
    return numbers.map((number) => {
      const event = this.#kept.get(number);
      assert(event, `event ${number} in a record, of ${this.#count} injected`);
      this.#kept.delete(number);
      if (event.kind === 'frameReceived') this.#frameCount -= 1;
      if (event.kind === 'consoleInput') this.#typedBytes -= event.bytes.byteLength;
      return event;
    });
  }
}

// A few milliseconds of a busy gigabit, and more than a guest's TCP has on its way in one connection:
// above it a sender that is told of the loss should slow down.
const framesMax = 512;
const typedBytesMax = 64 * 1024;
