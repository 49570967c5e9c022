import type { Datagrams } from '../host/datagrams.js';
import type { SimNetwork } from './sim-network.js';
import type { SimProcess } from './sim-process.js';

/** A socket for heartbeats: what is sent may be lost, come twice, or come late. */
export class SimDatagrams implements Datagrams {
  readonly address: string;
  readonly #network: SimNetwork;
  readonly #process: SimProcess;

  constructor(network: SimNetwork, process: SimProcess, address: string) {
    this.#network = network;
    this.#process = process;
    this.address = address;
  }

  send(to: string, message: Uint8Array): void {
    this.#process.act(() => this.#network.sendDatagram(this.#process, to, message, this.address));
  }
  close(): void {
    // The socket goes with its process.
  }
}
