import { expect, it } from 'vitest';
import { LogCorruptError } from '../../src/log/log-corrupt-error.js';
import { fuzz } from './campaign.js';
import { Finding, type FuzzTarget } from './target.js';

const run = async (target: Omit<FuzzTarget, 'name' | 'share'>, only?: number) => {
  const targets = [{ name: 'x', share: 1, ...target }];
  const [report] = await fuzz({ targets, cases: 10, seed: 7, ...(only !== undefined && { only }) });
  return report;
};
const refuse = (error: Error) => (): never => {
  throw error;
};

it('counts a typed error as a refusal, and any other as a finding with the line that repeats it', async () => {
  expect(await run({ run: refuse(new LogCorruptError('x')) })).toMatchObject({
    refused: 10,
    findings: [],
  });
  const { findings } = (await run({ run: refuse(new TypeError('oops')) }))!;
  expect(findings).toHaveLength(3);
  expect(findings[2]).toMatch(/^npm run fuzz -- --target x --seed 7 --case 2: TypeError: oops/);
  expect((await run({ run: () => Promise.reject(new Finding('broken')) }))!.findings).toHaveLength(
    3,
  );
});

it('finds a case that takes more memory than any input is worth', async () => {
  const kept: Uint8Array[] = [];
  const hoard = (): 'taken' => {
    kept.push(new Uint8Array(2 ** 27));
    return 'taken';
  };
  expect((await run({ run: hoard }))!.findings[0]).toContain('it took 128 MiB of memory');
});

it('gives a case the same chance whenever it is run', async () => {
  const drawn: number[] = [];
  const draw: FuzzTarget['run'] = (chance) => {
    drawn.push(chance.whole(0, 2 ** 32));
    return 'taken';
  };
  await run({ run: draw });
  await run({ run: draw }, 4);
  expect(new Set(drawn.slice(0, 10)).size).toBe(10);
  expect(drawn[10]).toBe(drawn[4]);
});
