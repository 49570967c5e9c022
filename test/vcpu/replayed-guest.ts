import { createV86Vcpu, type V86Vcpu } from '../../dist/vcpu/v86-vcpu.js';
import type { MachineSpec } from '../../src/guest/machine-spec.js';
import type { Snapshot } from '../../src/guest/snapshot.js';
import type { LogRecord } from '../../src/log/log-record.js';
import type { Epoch } from '../../src/units.js';
import type { BootFiles } from '../../src/vcpu/boot-files.js';
import type { VcpuEvent } from '../../src/vcpu/vcpu.js';

/** Replays `records` on a vCPU of its own and answers what it told, up to its last word. */
export async function replayGuest(
  spec: MachineSpec,
  records: readonly LogRecord[],
  options: {
    snapshot?: Snapshot;
    bootFiles?: BootFiles;
    interrupt?: { at: Epoch; by: (vcpu: V86Vcpu) => void };
  } = {},
): Promise<readonly VcpuEvent[]> {
  const { snapshot, bootFiles, interrupt } = options;
  const firstPart = records.filter(({ epoch }) => !interrupt || epoch <= interrupt.at);
  const rest = records.slice(firstPart.length);
  const events: VcpuEvent[] = [];
  const last = records.at(-1)?.epoch;
  return new Promise((resolve, reject) => {
    const finish = (): void =>
      void vcpu.then((started) => started.close()).then(() => resolve(events));
    const vcpu = createV86Vcpu(
      { spec, ...(snapshot && { snapshot }), ...(bootFiles && { bootFiles }) },
      (event) => {
        events.push(event);
        if (interrupt && event.kind === 'ran' && event.epoch === interrupt.at) void interrupted();
        const isLast = event.kind === 'ran' && event.epoch === last;
        if (isLast || event.kind === 'diverged' || event.kind === 'crashed') finish();
      },
      reject,
    );
    const interrupted = async (): Promise<void> => {
      const started = await vcpu;
      interrupt?.by(started);
      started.replay(rest);
    };
    vcpu.then((started) => started.replay(firstPart), reject);
  });
}
