import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeDivergenceReport } from '../../src/node/divergence-report.js';
import { scratchDir } from './scratch.js';

it('keeps the newest sixteen reports', async () => {
  const dir = join(scratchDir(), 'divergences');
  const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`;
  let path = '';
  for (let second = 0; second < 20; second += 1) {
    path = await writeDivergenceReport(dir, { at: at(second), replica: 'ab' });
  }
  const names = readdirSync(dir).sort();
  expect(names).toHaveLength(16);
  expect(names[0]).toBe('20260101T000004.000Z-ab.json');
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ at: at(19), replica: 'ab' });
});
