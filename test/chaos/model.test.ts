import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;
const reason = isThere('spin') && isThere('gcc') ? '' : ' (skipped: spin or gcc is not installed)';

it.skipIf(reason !== '')(
  `the model of the generations holds, and fails without each of its mechanisms${reason}`,
  () => {
    const { status, stdout, stderr } = spawnSync('docs/model/check.sh', { encoding: 'utf8' });
    expect(status, `${stdout}${stderr}`).toBe(0);
    expect(stdout.match(/errors: 0/g)).toHaveLength(2);
    expect(stdout.match(/errors: 1/g)).toHaveLength(9);
  },
  300_000,
);
