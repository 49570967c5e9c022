import { expect, it } from 'vitest';
import { BenchSamples, ratioOf } from '../../src/bench/bench-report.js';
import { benchTable } from '../../src/cli/bench-table.js';

it('a ratio above 1 is better than plain, in times and in amounts', () => {
  expect(ratioOf('ms', 50, 100)).toBe(2);
  expect(ratioOf('Mbit/s', 50, 100)).toBe(0.5);
});

it('reports medians of each way, and of a wait the middle, the tail and the worst', () => {
  const samples = new BenchSamples();
  for (const plain of [10, 1000, 20]) samples.take('cpu', 'x', 'ms', 'plain', plain);
  samples.take('cpu', 'x', 'ms', 'alone', 30);
  samples.take('cpu', 'x', 'ms', 'protected', 40);
  samples.takeLogRate('x', 5000);
  for (let ms = 1; ms <= 10; ms += 1) samples.takeWait('gap', ms);
  const { rows, failover, protection, yardstick } = samples.report(3);
  expect(rows).toEqual([
    {
      part: 'cpu',
      name: 'x',
      unit: 'ms',
      plain: 20,
      alone: 30,
      protected: 40,
      ratio: 0.5,
      logBytesPerSecond: 5000,
    },
  ]);
  expect(failover).toEqual([{ name: 'gap', unit: 'ms', count: 10, p50: 6, p90: 10, max: 10 }]);
  expect([protection, yardstick]).toEqual([null, null]);
});

it('shows only what was measured', () => {
  const samples = new BenchSamples();
  samples.takeWait('client waits', 12.3);
  const table = benchTable(samples.report(1));
  expect(table).toContain('client waits      1    12.3    12.3    12.3');
  expect(table).not.toContain('plain v86');
  expect(table).not.toContain('QEMU');
});

it.each([
  [0.4, false],
  [35, true],
])('warns of figures made while the host was busy: %d %% stolen', (stolenPercent, warns) => {
  const report = new BenchSamples().report(1);
  const table = benchTable({ ...report, machine: { ...report.machine, stolenPercent } });
  expect(table.includes(`CAUTION: the host of this machine gave ${stolenPercent} %`)).toBe(warns);
});
