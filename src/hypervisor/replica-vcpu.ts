import type { VcpuCommand } from '../role/role-effect.js';
import type { Vcpu, VcpuFactory } from '../vcpu/vcpu.js';
import { perform } from './vcpu-command.js';

/**
 * The vCPU of one replica, from before it is made: what it is told meanwhile waits.
 *
 * Errors: `start` rejects if the machine cannot be made.
 */
export class ReplicaVcpu {
  readonly #create: VcpuFactory;
  #vcpu: Vcpu | null = null;
  #waiting: VcpuCommand[] = [];
  #isOver = false;

  constructor(create: VcpuFactory) {
    this.#create = create;
  }

  /** False if the replica was over before the machine stood. */
  async start(...how: Parameters<VcpuFactory>): Promise<boolean> {
    const vcpu = await this.#create(...how);
    if (this.#isOver) {
      void vcpu.close();
      return false;
    }
    this.#vcpu = vcpu;
    for (const command of this.#waiting.splice(0)) perform(vcpu, command);
    return true;
  }

  tell(command: VcpuCommand): void {
    if (this.#vcpu) perform(this.#vcpu, command);
    else this.#waiting.push(command);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#vcpu?.close();
  }
}
