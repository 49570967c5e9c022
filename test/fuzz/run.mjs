// npm run fuzz -- [--cases N] [--seed S] [--target NAME,…] [--case N]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const text = { type: 'string' };
const { values } = parseArgs({ options: { cases: text, seed: text, target: text, case: text } });
for (const name of ['cases', 'seed', 'case']) {
  if (values[name] === undefined || /^\d{1,15}$/.test(values[name])) continue;
  console.error(`fuzz: --${name} takes a whole number, not ${values[name]}`);
  process.exit(2);
}
const env = {
  ...process.env,
  FUZZ_CASES: values.cases ?? '1000000',
  FUZZ_SEED: values.seed ?? String(Date.now() % 1_000_000_000),
  FUZZ_TARGET: values.target ?? '',
  ...(values.case !== undefined && { FUZZ_CASE: values.case }),
};
console.error(`fuzz: seed ${env.FUZZ_SEED}`);
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const config = fileURLToPath(new URL('./vitest.config.ts', import.meta.url));
const { status } = spawnSync(process.execPath, [vitest, 'run', '--config', config], {
  env,
  stdio: 'inherit',
});
process.exit(status ?? 1);
