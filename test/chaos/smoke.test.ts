import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { ChaosReport } from '../../src/chaos/chaos-report.js';

const run = promisify(execFile);
const leftovers = async (): Promise<string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('ftvm-chaos-'));

it('three rounds of faults against real processes: nothing acknowledged is lost', async () => {
  const before = await leftovers();
  const faults = 'killPrimary,zombiePrimary,channelCut';
  const words = ['chaos', '--rounds', '3', '--seed', '3', '--faults', faults, '--json'];
  const { stdout } = await run(process.execPath, ['bin/ftvm', ...words], { timeout: 100_000 });
  const report = JSON.parse(stdout) as ChaosReport;
  expect(report).toMatchObject({
    rounds: 3,
    lostAcknowledged: 0,
    linearizable: true,
    connectionResets: 0,
    divergences: 0,
    failed: [],
  });
  expect(report.failovers).toBeGreaterThanOrEqual(2);
  expect(report.acknowledgedWrites).toBeGreaterThan(50);
  expect(report.gapMs.max).toBeGreaterThan(0);
  const after = await leftovers();
  expect(after.filter((name) => !before.includes(name))).toEqual([]);
});

it('a fault nobody knows is a usage error', async () => {
  const refused = run(process.execPath, ['bin/ftvm', 'chaos', '--faults', 'earthquake']);
  await expect(refused).rejects.toMatchObject({ code: 2 });
});
