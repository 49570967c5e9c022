import { afterEach, expect, it, vi } from 'vitest';
import { SimGenerationStore } from '../../src/sim/sim-generation-store.js';
import { calmPlan, type Fault, type FaultPlan } from '../../src/sim/fault-plan.js';
import { says, scenario } from './scenario.js';

/* Worlds in which every host runs `ftvm run --auto`, and the operator starts again what has ended. */
const calm = calmPlan(0);
const timeoutMs = calm.failureTimeoutMs;
const auto: Partial<FaultPlan> = { isAuto: true, hosts: 3 };
const kill = (atMs: number, target: 'live' | 'other' | number = 'live'): Fault => ({
  atMs,
  kind: 'kill',
  target,
  afterActs: 0,
});

afterEach(() => {
  vi.restoreAllMocks();
});

it('one of those that start at once boots, and the others protect it', async () => {
  for (const report of await scenario([], auto)) {
    expect(report.coldStarts).toBe(1);
    expect(report.failovers).toBe(0);
  }
});

it('whoever dies, again and again, the others go on and the dead one comes back', async () => {
  const faults = [500, 1000, 1500, 2000, 2500].map((atMs) => kill(atMs));
  for (const report of await scenario(faults, { ...auto, loadMs: 3000 })) {
    expect(report.failovers).toBe(5);
    expect(report.coldStarts).toBe(1);
  }
});

it('a primary that was stopped and replaced becomes a backup, without ending', async () => {
  const faults: Fault[] = [
    { atMs: 500, kind: 'pause', target: 'live', forMs: 4 * timeoutMs, afterActs: 0 },
  ];
  for (const report of await scenario(faults, { ...auto, loadMs: 3000 })) {
    expect(report.failovers).toBe(1);
    expect(says(report, 'a1    joins again: generation 2 went to another replica')).toBe(true);
    expect(says(report, 'a1    ends')).toBe(false);
  }
});

it('a process that is live for the second time reads what another one wrote between', async () => {
  const faults: Fault[] = [
    { atMs: 500, kind: 'pause', target: 0, forMs: 2 * timeoutMs, afterActs: 0 },
    kill(1800),
  ];
  const guest = { ...calm.guest, writeRate: 0.9, readRate: 0.9 };
  for (const report of await scenario(faults, { isAuto: true, guest, loadMs: 3000 })) {
    expect(report.failovers).toBe(2);
    expect(says(report, 'a1    holds generation 3 (takeover)')).toBe(true);
  }
});

it('when all die, one boots from the disk by itself', async () => {
  const faults = [500, 501, 502].map((atMs, host) => kill(atMs, host));
  for (const report of await scenario(faults, { ...auto, loadMs: 3000 })) {
    expect(report.coldStarts).toBe(2);
  }
});

it('a guest that powers off ends all of them', async () => {
  const faults: Fault[] = [{ atMs: 500, kind: 'powerButton' }];
  for (const report of await scenario(faults, { ...auto, restartMsMin: 300, restartMsMax: 400 })) {
    for (const name of ['a1', 'b1', 'c1']) {
      expect(says(report, `${name}    ends: poweredOff`)).toBe(true);
    }
  }
});

/** The primary dies and comes back at once; its backup does not run for long, and is in sync. */
async function startsBesideSleepingBackup(): Promise<number[]> {
  const faults: Fault[] = [
    { atMs: 500, kind: 'pause', target: 1, forMs: 10 * timeoutMs, afterActs: 0 },
    kill(502, 0),
  ];
  const plan = { isAuto: true, loadMs: 4000, restartMsMin: 20, restartMsMax: 40 };
  const reports = await scenario(faults, plan);
  return reports.map(({ coldStarts }) => coldStarts);
}

it('who finds nobody live waits for a backup that was in sync, however long it sleeps', async () => {
  expect(await startsBesideSleepingBackup()).toEqual(Array(7).fill(1));
});

it('without the roster it boots from the disk what the backup has in memory', async () => {
  vi.spyOn(SimGenerationStore.prototype, 'rosterOf').mockReturnValue({
    write: () => Promise.resolve(),
    read: () => Promise.resolve([]),
  });
  expect(await startsBesideSleepingBackup()).toEqual(Array(7).fill(2));
});
