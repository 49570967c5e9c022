import { expect, it } from 'vitest';
import { chartOf } from '../../src/bench/bench-chart.js';
import { BenchSamples } from '../../src/bench/bench-report.js';

function reportOf(rows: readonly (readonly [string, number, number])[]) {
  const samples = new BenchSamples();
  for (const [name, plain, guarded] of rows) {
    samples.take('cpu', name, 'ms', 'plain', plain);
    samples.take('cpu', name, 'ms', 'alone', plain);
    samples.take('cpu', name, 'ms', 'protected', guarded);
  }
  return samples.report(1);
}
const widths = (svg: string): number[] =>
  [...svg.matchAll(/class="bar"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));

it('draws a bar for each row, as long as its ratio', () => {
  const bars = widths(
    chartOf(
      reportOf([
        ['half', 10, 20],
        ['same', 10, 10],
      ]),
    ),
  );
  expect(bars).toHaveLength(2);
  expect(bars[1]! / bars[0]!).toBeCloseTo(2, 1);
});

it('keeps everything on the page, however fast', () => {
  const svg = chartOf(reportOf([['fast', 100, 1]]));
  const [, pageWidth] = /viewBox="0 0 (\d+)/.exec(svg)!;
  const bars = [...svg.matchAll(/class="bar" x="(\d+)"[^>]* width="([\d.]+)"/g)];
  for (const [, x, width] of bars)
    expect(Number(x) + Number(width)).toBeLessThan(Number(pageWidth));
});

it('is a document by itself, with the names of rows as text', () => {
  const svg = chartOf(reportOf([['a < b & "c"', 1, 1]]));
  expect(svg).toContain('a &lt; b &amp; "c"');
  expect(svg).not.toMatch(/<script|href=|NaN|undefined|Infinity/);
  expect(svg).toContain('prefers-color-scheme:dark');
});

it('draws no row that was too short to compare', () => {
  expect(widths(chartOf(reportOf([['nothing', 0, 0]])))).toEqual([]);
});
