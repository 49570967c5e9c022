import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const preload = new URL('../../dist/chaos/slow-storage.js', import.meta.url).href;

/** Each call is begun before its fellow elsewhere; tells which of the two came back first. */
const program = `
  import { open, readFile, writeFile } from 'node:fs/promises';
  const [inside, outside] = process.argv.slice(1);
  const first = (call) =>
    Promise.race([call(inside).then(() => 'inside'), call(outside).then(() => 'outside')]);
  const files = new Map();
  for (const path of [inside, outside]) files.set(path, await open(path, 'r+'));
  const calls = [
    (path) => writeFile(path, 'x'),
    (path) => readFile(path),
    (path) => files.get(path).write('y'),
    (path) => files.get(path).datasync(),
  ];
  const answers = [];
  for (const call of calls) answers.push(await first(call));
  console.log(answers.join(' '));
  process.exit();
`;

it.each([
  ['makes each call to the shared disk slow, and none to another', '2000', /^(outside ?){4}$/m],
  ['carries every call out in the end', '1', /^((inside|outside) ?){4}$/m],
])('%s', async (_words, byMs, expected) => {
  const dir = mkdtempSync(join(tmpdir(), 'ftvm-slow-'));
  try {
    const [inside, outside, byFile] = [join(dir, 'vm'), join(dir, 'other'), join(dir, 'by')];
    for (const path of [inside, outside]) writeFileSync(path, '');
    writeFileSync(byFile, byMs);
    const words = ['--import', preload, '--input-type=module', '-e', program, inside, outside];
    const env = { ...process.env, CHAOS_SLOW_DIR: inside, CHAOS_SLOW_BY: byFile };
    const { stdout } = await run(process.execPath, words, { env });
    expect(stdout).toMatch(expected);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
