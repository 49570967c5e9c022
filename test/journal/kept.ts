import type { GenerationRecord } from '../../src/arbiter/generation-record.js';
import type { MachineSpec } from '../../src/guest/machine-spec.js';
import type { Clock } from '../../src/host/clock.js';
import { Journal } from '../../src/journal/journal.js';
import { identityOf, recordOf } from '../role/settings.js';
import type { MemoryFiles } from './memory-files.js';

/** A clock whose timers run when a test says so. */
export class HandClock implements Clock {
  #timers: (() => void)[] = [];
  nowMs = (): number => 0;
  wallClockMs = (): number => 0;
  after(_delayMs: number, callback: () => void): () => void {
    this.#timers.push(callback);
    return () => (this.#timers = this.#timers.filter((each) => each !== callback));
  }
  ring(): void {
    for (const callback of this.#timers.splice(0)) callback();
  }
}

export const spec: MachineSpec = {
  memoryMiB: 32,
  vgaMemoryMiB: 1,
  nic: null,
  boot: { bios: null, vgaBios: null, kernel: null, initrd: null, commandLine: '' },
  drives: [],
  acpi: false,
  jit: true,
  chanceSeed: 1,
  wallClockAtStartMs: 0,
};

export function generationOf(
  generation: number,
  holder: string,
  inSync: readonly string[] = [],
): GenerationRecord {
  const identity = identityOf(holder);
  return { generation, vm: 'vm', holder: identity, inSync, reason: 'start', claimedAt: '' };
}

/** A journal of one replica, and what it has said. */
export class Kept {
  readonly clock = new HandClock();
  readonly journal: Journal;
  durable = 0;
  failure: Error | null = null;

  constructor(
    files: MemoryFiles,
    replica: string,
    options: { bytesMax?: number; vm?: string } = {},
  ) {
    const { bytesMax = 2 ** 30, vm = 'vm' } = options;
    const build = { v86: '1', v86Wasm: 'w', architecture: 'x64' };
    const self = { vm, replica, spec, build };
    this.journal = new Journal({ files, clock: this.clock, self, bytesMax });
    this.journal.attach({
      durable: (epoch) => (this.durable = epoch),
      failed: (error) => (this.failure = error),
    });
  }

  /** Appends the records of those epochs. */
  append(from: number, through: number): void {
    for (let epoch = from; epoch <= through; epoch += 1) this.journal.append(recordOf(epoch));
  }
  /** Everything appended becomes durable. */
  async settle(): Promise<void> {
    for (let i = 0; i < 5; i += 1) {
      this.journal.sync();
      await quiet();
    }
  }
}

/** Every promise that can settle has. */
export function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
