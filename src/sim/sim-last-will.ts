import type { LastWill } from '../host/last-will.js';
import type { Prng } from './prng.js';
import type { SimNetwork } from './sim-network.js';
import type { SimProcess } from './sim-process.js';

/** Whether a killed process is told of, and whether one may be told of that lives. */
export type LastWills = 'none' | 'true' | 'sometimesFalse';

/** Sent when the process is killed; dropped when it exits, and with a host that loses power. */
export class SimLastWill implements LastWill {
  readonly #network: SimNetwork;
  readonly #process: SimProcess;
  readonly #wills = new Map<string, Uint8Array>();

  constructor(network: SimNetwork, process: SimProcess, how: LastWills, prng: Prng) {
    this.#network = network;
    this.#process = process;
    process.whenDead(() => {
      if (process.wasKilled && how !== 'none') this.#send();
    });
    if (how !== 'sometimesFalse') return;
    network.timeline.after(prng.between(0, falseMsMax), () => {
      if (!network.isCalm) this.#send();
    });
  }

  add(to: string, message: string): void {
    if (!this.#process.isDead) this.#wills.set(to, new TextEncoder().encode(message));
  }

  #send(): void {
    for (const [to, message] of this.#wills) {
      this.#network.sendDatagram(this.#process, to, message, '');
    }
  }
}

const falseMsMax = 4000;
