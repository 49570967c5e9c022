import type { Clock } from '../../src/host/clock.js';
import type { Chance } from './chance.js';

export interface WireFaults {
  readonly loss?: number;
  readonly duplication?: number;
  /** Frames that take up to `reorderMs` longer than those behind them. */
  readonly reordering?: number;
  readonly delayMs?: number;
  readonly reorderMs?: number;
}

/** One direction of a cable that loses, repeats and reorders frames, as its seed says. */
export class LossyWire {
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #deliver: (frame: Uint8Array) => void;
  faults: WireFaults;
  /** Cut: nothing arrives. */
  isCut = false;
  sent = 0;

  constructor(
    clock: Clock,
    chance: Chance,
    faults: WireFaults,
    deliver: (frame: Uint8Array) => void,
  ) {
    this.#clock = clock;
    this.#chance = chance;
    this.faults = faults;
    this.#deliver = deliver;
  }

  send(frame: Uint8Array): void {
    this.sent += 1;
    const { loss = 0, duplication = 0, reordering = 0, delayMs = 0.5, reorderMs = 3 } = this.faults;
    if (this.#chance.happens(loss)) return;
    const copies = this.#chance.happens(duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const late = this.#chance.happens(reordering) ? this.#chance.next() * reorderMs : 0;
      this.#clock.after(delayMs + late, () => {
        if (!this.isCut) this.#deliver(frame);
      });
    }
  }
}
