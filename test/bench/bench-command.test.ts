import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { scratchDir } from '../node/scratch.js';

const program = fileURLToPath(new URL('../../bin/ftvm', import.meta.url));
const report = fileURLToPath(new URL('../../docs/bench.json', import.meta.url));

function bench(...words: string[]) {
  return spawnSync(process.execPath, [program, 'bench', ...words], {
    encoding: 'utf8',
    env: { PATH: '/nonexistent' },
  });
}

it('says which package has QEMU before it measures anything', () => {
  const { status, stderr } = bench('--only', 'qemu');
  expect([status, stderr]).toEqual([4, expect.stringContaining('qemu-system-x86')]);
});

it('shows a saved report again, and draws the picture that is in the README', () => {
  const picture = `${scratchDir()}/bench.svg`;
  const { status, stdout } = bench('--from', report, '--svg', picture);
  expect(status).toBe(0);
  expect(stdout).toContain('client waits, primary killed');
  expect(readFileSync(picture, 'utf8')).toBe(readFileSync(report.replace(/json$/, 'svg'), 'utf8'));
});

it.each([
  ['a report that is none', ['--from', 'other.json']],
  ['a picture that has no place', ['--from', report, '--svg', 'none/x.svg']],
])('names %s', (_what, words) => {
  const dir = scratchDir();
  writeFileSync(`${dir}/other.json`, '{"rows": 7}');
  const paths = words.map((word) => (/^(other|none)/.test(word) ? `${dir}/${word}` : word));
  const { status, stderr } = bench(...paths);
  expect([status, stderr]).toEqual([4, expect.stringContaining('FTVM_BENCH_FILE')]);
});
