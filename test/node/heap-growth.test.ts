import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const module = fileURLToPath(new URL('../../dist/node/heap-growth.js', import.meta.url));

it('the engine knows the flag, and what is collected afterwards is', async () => {
  const program = `
    import { tolerateShortLivedBuffers } from ${JSON.stringify(module)};
    tolerateShortLivedBuffers();
    // Ten times more than it could keep.
    for (let i = 0; i < 1000; i += 1) new Uint8Array(1024 * 1024);
    console.log(process.memoryUsage().arrayBuffers < 200 * 2 ** 20);`;
  const words = ['--input-type=module', '-e', program];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, words);
  expect(stderr).toBe('');
  expect(stdout.trim()).toBe('true');
});
