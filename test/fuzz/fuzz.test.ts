import { expect, it } from 'vitest';
import { fuzz } from './campaign.js';
import { fuzzTargets } from './targets.js';

// Set by run.mjs. Without it: a slice of a second or two for every run of the tests.
const cases = Number(process.env.FUZZ_CASES ?? 20_000);
const seed = Number(process.env.FUZZ_SEED ?? 1);
const wanted = process.env.FUZZ_TARGET ?? '';
const only = process.env.FUZZ_CASE;
const targets = fuzzTargets.filter(({ name }) => wanted === '' || wanted.split(',').includes(name));

it(`${cases} made-up inputs (seed ${seed}): each is taken, or refused with a typed error`, async () => {
  const reports = await fuzz({ targets, cases, seed, ...(only && { only: Number(only) }) });
  if (process.env.FUZZ_CASES)
    console.table(reports, ['name', 'cases', 'taken', 'refused', 'seconds']);
  expect(reports.flatMap(({ findings }) => findings)).toEqual([]);
  if (only) return;
  // A target that takes nothing, or everything, looks at one half of its parser.
  const lopsided = reports.filter(
    (report) => report.cases >= 100 && (report.taken === 0 || report.refused === 0),
  );
  expect(lopsided).toEqual([]);
});

it.runIf(wanted !== '')('knows the targets named', () => {
  expect(targets.map(({ name }) => name).sort()).toEqual(wanted.split(',').sort());
});
