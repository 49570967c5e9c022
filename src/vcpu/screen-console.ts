import { ScreenWriter } from '../guest/screen-writer.js';
import type { Display } from '../guest/text-screen.js';
import type { VirtualMs } from '../units.js';

/** What has a display. */
export interface Displaying {
  readonly isHalted: boolean;
  display(): Display;
}

/**
 * The console of a machine whose operator sits at its display: what a terminal needs to show the same,
 * looked for after an epoch, by guest time, so that every replica writes the same bytes.
 */
export class ScreenConsole {
  readonly #writer = new ScreenWriter();
  #lookedAtMs: VirtualMs = Number.NEGATIVE_INFINITY;

  /** Empty most of the time. */
  newsOf(machine: Displaying, nowMs: VirtualMs): Uint8Array {
    // One that rests may have nothing more to show for long.
    const isDue = machine.isHalted || nowMs - this.#lookedAtMs >= lookMs;
    if (!isDue) return nothing;
    this.#lookedAtMs = nowMs;
    return this.#writer.write(machine.display());
  }

  /** Shows everything the next time. */
  forget(): void {
    this.#writer.forget();
    this.#lookedAtMs = Number.NEGATIVE_INFINITY;
  }
}

// As often as a film has pictures.
const lookMs = 40;
const nothing = new Uint8Array(0);
