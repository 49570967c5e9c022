import { expect, it } from 'vitest';
import { runCampaign } from '../../src/sim/campaign.js';
import { rollPlan, whyImpossible } from '../../src/sim/roll-plan.js';
import { shrink } from '../../src/sim/shrink.js';
import { simulate } from '../../src/sim/simulation.js';

it('keeps every promise in 150 random worlds', async () => {
  const seeds = Array.from({ length: 150 }, (_, i) => i + 1);
  const { totals, failed } = await runCampaign(seeds);
  const words = failed.map(({ seed, violations }) => [`ftvm simulate --seed ${seed}`, violations]);
  expect(words).toEqual([]);
  // Worlds in which nothing happens prove nothing.
  expect(totals.faults).toBeGreaterThan(1_500);
  expect(totals.failovers).toBeGreaterThan(140);
  expect(totals.rejoins).toBeGreaterThan(15);
  expect(totals.acknowledged).toBeGreaterThan(8_000);
  expect(totals.digestsCompared).toBeGreaterThan(38_000);
}, 60_000);

it.each([
  { hosts: 4, disks: 'backupReads' },
  { hosts: 3, disks: 'replicated' },
  { hosts: 3, journal: 'sync' },
  { hosts: 4, commit: 'quorum' },
  { hosts: 2, commit: 'quorum' },
] as const)('keeps every promise in random worlds with %o', async (forced) => {
  const planOf = (seed: number) => rollPlan(seed, forced);
  const seeds = Array.from({ length: 12 }, (_, i) => i + 1);
  for (const seed of seeds) expect(planOf(seed)).toMatchObject(forced);
  const { failed } = await runCampaign(seeds, { planOf });
  expect(failed.map(({ seed, violations }) => [seed, violations])).toEqual([]);
});

it('forces on a world what there can be, and leaves the rest to the dice', () => {
  expect(rollPlan(7, { hosts: 5 })).toEqual({ ...rollPlan(7), hosts: 5 });
  expect(whyImpossible({ hosts: 3, commit: 'quorum' })).toBe(null);
  expect(whyImpossible({ journal: 'sync', commit: 'quorum' })).toContain('journal');
  expect(whyImpossible({ disks: 'replicated', commit: 'quorum' })).toContain('disk');
  expect(whyImpossible({ disks: 'replicated', journal: 'async' })).toContain('shared');
});

it('runs the same world for the same seed, to the last event', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const [first, second] = [await simulate(rollPlan(seed)), await simulate(rollPlan(seed))];
    expect(second).toEqual(first);
    const other = await simulate(rollPlan(seed + 100));
    expect(other.traceHash).not.toBe(first.traceHash);
  }
});

it('shrinks a failing world to the faults it needs', async () => {
  // With ghosts on the loose some worlds fail; see mutations.test.ts.
  for (let seed = 1; ; seed += 1) {
    const plan = { ...rollPlan(seed), isFenced: false };
    // Of two faults both may be needed.
    if (plan.faults.length < 8) continue;
    const report = await simulate(plan);
    if (report.violations.length === 0) continue;
    const small = await shrink(plan);
    expect(small.report.violations[0]?.invariant).toBe(report.violations[0]?.invariant);
    expect(small.plan.faults.length).toBeLessThan(plan.faults.length);
    return;
  }
});
