import type { VcpuCommand } from '../role/role-effect.js';
import { unreachable } from '../unreachable.js';
import type { Vcpu } from '../vcpu/vcpu.js';

/** Does to the vCPU what a role asked for. */
export function perform(vcpu: Vcpu, command: VcpuCommand): void {
  switch (command.kind) {
    case 'replay':
      vcpu.replay(command.records);
      return;
    case 'goLive':
      vcpu.goLive();
      return;
    case 'inject':
      vcpu.inject(command.event);
      return;
    case 'cut':
      vcpu.cut();
      return;
    case 'setSharePercent':
      vcpu.setSharePercent(command.percent);
      return;
    case 'pause':
      vcpu.pause();
      return;
    case 'resume':
      vcpu.resume();
      return;
    default:
      unreachable(command);
  }
}
