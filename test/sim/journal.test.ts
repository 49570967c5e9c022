import { afterEach, expect, it, vi } from 'vitest';
import { Journal } from '../../src/journal/journal.js';
import { JournalGate } from '../../src/role/journal-gate.js';
import { Journals } from '../../src/role/journals.js';
import { calmPlan, type Fault, type FaultPlan } from '../../src/sim/fault-plan.js';
import { simulate } from '../../src/sim/simulation.js';
import { says, scenario } from './scenario.js';

const busy = { ...calmPlan(0).guest, writeRate: 0.6, talkRate: 0.8, frameRate: 0.6 };
const deaths = (isPowerLoss: boolean): Fault[] =>
  [500, 1000].map((atMs) => ({ atMs, kind: 'killAll', isPowerLoss }));

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([
  ['sync', false],
  ['sync', true],
  ['async', false],
  ['async', true],
] as const)(
  'goes on after all hosts died: journals %s, power lost %s',
  async (journal, isPowerLoss) => {
    const changes: Partial<FaultPlan> = { journal, guest: busy };
    for (const report of await scenario(deaths(isPowerLoss), changes)) {
      expect(report.coldStarts).toBe(1);
      expect(says(report, '(resume)')).toBe(true);
    }
  },
);

it('boots from the disk without journals', async () => {
  for (const report of await scenario(deaths(false), { journal: 'none' })) {
    expect(report.coldStarts).toBeGreaterThan(1);
    expect(says(report, '(resume)')).toBe(false);
  }
});

/** What is violated in worlds with journals whose hosts lose power together. */
async function found(
  enough: string,
  journal: FaultPlan['journal'] = 'async',
): Promise<Set<string>> {
  const invariants = new Set<string>();
  for (let seed = 1; seed <= 30 && !invariants.has(enough); seed += 1) {
    const faults = [400, 2200].map((atMs): Fault => ({
      atMs,
      kind: 'killAll',
      isPowerLoss: true,
    }));
    const plan = calmPlan(seed, { journal, faults, clientThinkMs: 5, loadMs: 3500 });
    const { violations } = await simulate({ ...plan, guest: { ...busy, seed } });
    for (const { invariant } of violations) invariants.add(invariant);
  }
  return invariants;
}

it('notices a write to the disk that does not wait for the journals', async () => {
  vi.spyOn(JournalGate.prototype, 'release').mockImplementation(function (this: JournalGate) {
    return release.call(this, Number.POSITIVE_INFINITY);
  });
  expect(await found('disk')).toContain('disk');
});
const { release } = JournalGate.prototype;

it('notices a start whose journal begins after its claim', async () => {
  vi.spyOn(Journal.prototype, 'startAnew').mockResolvedValue();
  const invariants = new Set<string>();
  for (let seed = 1; seed <= 20 && invariants.size === 0; seed += 1) {
    const faults: Fault[] = [{ atMs: 4, kind: 'killAll', isPowerLoss: true }];
    const { violations } = await simulate(
      calmPlan(seed, { isAuto: true, journal: 'sync', faults }),
    );
    for (const { invariant } of violations) invariants.add(invariant);
  }
  expect(invariants).toContain('redundancy');
});

it('notices a boot from the disk beside the journal of another host', async () => {
  vi.spyOn(Journal.prototype, 'resumable').mockImplementation(function (this: Journal, latest) {
    return resumable.call(this, latest && { ...latest, keepsJournal: false });
  });
  const invariants = new Set<string>();
  for (let seed = 1; seed <= 20 && invariants.size === 0; seed += 1) {
    const faults: Fault[] = [{ atMs: 24, kind: 'killAll', isPowerLoss: true }];
    const { violations } = await simulate(
      calmPlan(seed, { isAuto: true, journal: 'sync', faults }),
    );
    for (const { invariant } of violations) invariants.add(invariant);
  }
  expect(invariants).toContain('outputKept');
});
const { resumable } = Journal.prototype;

it('notices output that waits for no journal, where it should', async () => {
  vi.spyOn(Journals.prototype, 'covered', 'get').mockReturnValue(Number.POSITIVE_INFINITY);
  expect(await found('outputKept', 'sync')).toContain('outputKept');
});
