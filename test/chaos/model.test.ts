import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;
const reason = isThere('spin') && isThere('gcc') ? '' : ' (skipped: spin or gcc is not installed)';

it.concurrent.skipIf(reason !== '').each([
  ['generations', 'check.sh', 2, 12],
  ['journals', 'check-journals.sh', 3, 10],
  ['majority', 'check-quorum.sh', 2, 8],
] as const)(
  `the model of the %s holds, and fails without each of its mechanisms${reason}`,
  async (_, script, clean, mutations) => {
    // Rejects for another exit status than 0, with all that was printed.
    const { stdout } = await promisify(execFile)(`docs/model/${script}`);
    expect(stdout.match(/errors: 0/g)).toHaveLength(clean);
    expect(stdout.match(/errors: 1/g)).toHaveLength(mutations);
  },
  300_000,
);
