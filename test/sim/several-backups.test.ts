import { afterEach, expect, it, vi } from 'vitest';
import { calmPlan, type Fault, type FaultPlan } from '../../src/sim/fault-plan.js';
import type { RunReport } from '../../src/sim/simulation.js';
import { SlowBackups } from '../../src/role/slow-backups.js';
import { says, scenario } from './scenario.js';

/* Worlds with a primary and two or three backups (hosts a, b, c, d; a starts the VM). */
const calm = calmPlan(0);
const threeHosts: Partial<FaultPlan> = { hosts: 3 };
const rejoinsOf = (reports: readonly RunReport[]): number =>
  reports.reduce((sum, { rejoins }) => sum + rejoins, 0);

afterEach(() => {
  vi.restoreAllMocks();
});

it('two backups, the primary dies: exactly one goes live, and the other joins it', async () => {
  const faults: Fault[] = [{ atMs: 500, kind: 'kill', target: 'live', afterActs: 0 }];
  const reports = await scenario(faults, threeHosts);
  for (const report of reports) {
    expect(report.failovers).toBe(1);
    expect(report.coldStarts).toBe(1);
    expect(says(report, 'joins again: generation 2 went to another replica')).toBe(true);
  }
  // It has the machine, and mostly was no further than the winner: the log is enough.
  expect(rejoinsOf(reports)).toBeGreaterThan(reports.length / 2);
});

it('a loser that knows more than the winner is another machine, and gets the state', async () => {
  // The records of the last moment reach one of the two only.
  const faults: Fault[] = [
    { atMs: 490, kind: 'partition', target: 1, direction: 'in', what: 'channel', forMs: 300 },
    { atMs: 500, kind: 'kill', target: 'live', afterActs: 0 },
    { atMs: 500, kind: 'storageDown', target: 2, forMs: 150 },
  ];
  const reports = await scenario(faults, threeHosts);
  expect(reports.some((report) => says(report, 'was the last that counted'))).toBe(true);
});

it('a backup whose link broke for a moment goes on where it was', async () => {
  const faults = [500, 800, 1100].map((atMs): Fault => ({
    atMs,
    kind: 'resetLinks',
    target: 'other',
  }));
  const reports = await scenario(faults, { ...threeHosts, logBufferBytesMax: 1 << 20 });
  for (const report of reports) expect(report.failovers).toBe(0);
  expect(rejoinsOf(reports)).toBeGreaterThan(2 * reports.length);
});

it('one primary after another dies, faster than dead hosts come back', async () => {
  const faults = [500, 800, 1100].map((atMs): Fault => ({
    atMs,
    kind: 'kill',
    target: 'live',
    afterActs: 0,
  }));
  const restart = { restartMsMin: 900, restartMsMax: 1000 };
  for (const report of await scenario(faults, { hosts: 4, loadMs: 2000, ...restart })) {
    expect(report.failovers).toBe(3);
    expect(report.coldStarts).toBe(1);
  }
});

/** Host c computes forty times slower: its buffer fills, it stops reading, its acks stay away. */
const slowHost: Partial<FaultPlan> = {
  hosts: 3,
  loadMs: 5000,
  logBufferBytesMax: 2048,
  slowBackup: { ...calm.slowBackup, heldMsMax: 300 },
  faults: [{ atMs: 500, kind: 'slowHost', target: 2, factor: 300, forMs: 4500 }],
};
async function acknowledgedBeside(slow: Partial<FaultPlan>): Promise<number> {
  const reports = await scenario(slow.faults ?? [], slow, { seeds: 4 });
  return reports.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
}

it('a backup that is too slow is dropped, and the guest goes on with the others', async () => {
  const reports = await scenario(slowHost.faults ?? [], slowHost, { seeds: 4 });
  for (const report of reports) {
    expect(report.failovers).toBe(0);
    expect(says(report, 'too slow')).toBe(true);
  }
});

it('without that rule the guest is as slow as the slowest backup', async () => {
  const withRule = await acknowledgedBeside(slowHost);
  vi.spyOn(SlowBackups.prototype, 'find').mockReturnValue(null);
  expect(await acknowledgedBeside(slowHost)).toBeLessThan(withRule / 2);
});
