import { join } from 'node:path';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { HypervisorStatus } from '../hypervisor/status.js';
import { writeDivergenceReport } from '../node/divergence-report.js';
import type { Vm } from '../node/vm-directory.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import { buildInfo } from './build-info.js';

/** A wrong replica is worth looking into: it goes on as a new one, and its report stays. */
export async function keepDivergence(
  { vm, diagnostics }: { readonly vm: Vm; readonly diagnostics: Diagnostics },
  { generation, primary }: HypervisorStatus,
  { replica, pid, host }: ReplicaIdentity,
  { epoch, difference, digests }: Extract<VcpuEvent, { kind: 'diverged' }>,
): Promise<void> {
  const at = new Date().toISOString();
  const who = { vm: vm.id, generation, replica, pid, host, primary };
  const report = { at, ...who, epoch, difference, ...digests, build: buildInfo() };
  const what = `DIVERGED from the primary after epoch ${epoch}: ${difference}`;
  try {
    const path = await writeDivergenceReport(join(vm.dir, 'divergences'), report);
    diagnostics.error(`${what}; kept in ${path}`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    diagnostics.error(`${what}; its report cannot be kept: ${why}`);
  }
}
