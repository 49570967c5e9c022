import type { V86Vcpu } from './v86-vcpu.js';
import type { Vcpu, VcpuFactory } from './vcpu.js';

/**
 * A machine built ahead, powered off, by a replica that waits for the state to put into it: a thread,
 * v86 compiled and its devices take longer than the state itself.
 *
 * Shape:  one at most, of the spec all machines of the VM have, so it fits any state of it.
 * Errors: a spare whose thread has failed is not used; the machine built instead says why.
 * Source: FT paper §3.1: starting a backup should not disturb the guest.
 */
export class SpareVcpu {
  readonly #build: () => V86Vcpu;
  #spare: V86Vcpu | null = null;

  constructor(build: () => V86Vcpu) {
    this.#build = build;
  }

  /** Begins to build one, unless there is one. */
  prepare(): void {
    this.#spare ??= this.#build();
  }

  /** The spare, or a machine built now. */
  readonly create: VcpuFactory = async (snapshot, handlers): Promise<Vcpu> => {
    const { event, failed, tellsCuts = false, ownsSnapshot = false } = handlers;
    const vcpu = this.#take() ?? this.#build();
    await vcpu.begin({
      ...(snapshot && { snapshot }),
      tellsCuts,
      ownsSnapshot,
      onEvent: event,
      onFailure: failed,
    });
    return vcpu;
  };

  /** Ends the spare; what `create` gave out belongs to its owner. */
  async close(): Promise<void> {
    const spare = this.#spare;
    this.#spare = null;
    await spare?.close();
  }

  #take(): V86Vcpu | null {
    const spare = this.#spare;
    this.#spare = null;
    return spare?.hasFailed ? null : spare;
  }
}
