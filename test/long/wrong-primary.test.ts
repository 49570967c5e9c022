import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { FtvmProcess } from '../end-to-end/ftvm-process.js';
import { inSync, live, prompt, VmUnderTest } from '../end-to-end/vm-under-test.js';

const preload = fileURLToPath(new URL('../end-to-end/flip-a-bit.mjs', import.meta.url));
const patient = ['--failure-timeout', '5000'];

it('two backups that agree against their primary name it, and follow it all the same', async () => {
  const vm = new VmUnderTest();
  const words = ['run', vm.dir, '--primary', ...vm.options, ...patient];
  const primary = new FtvmProcess(words, { cwd: vm.place, preload });
  await primary.stdout.until(prompt);
  const backups = [vm.backup(...patient), vm.backup(...patient)];
  await Promise.all(backups.map((backup) => inSync(backup)));
  const said = backups.map((backup) => backup.stderr.end);
  primary.signal('SIGUSR2');
  await Promise.all(backups.map((backup, i) => inSync(backup, said[i])));
  const status = await vm.status();
  expect(status).toMatchObject({
    protection: 'protected',
    lastDivergence: { count: 2, agreeing: 2, what: expect.stringMatching(/^memory from 0x/) },
  });
  expect((await vm.run('status', vm.dir)).stdout).toContain('suspect its memory');
  // What the primary has is what there is: they agree with it now.
  expect(await primary.shell('echo here')).toBe('here');
  await primary.kill();
  const [winner] = await Promise.race(
    backups.map(async (backup) => {
      await live(backup);
      return [backup] as const;
    }),
  );
  expect(await winner!.shell('echo there')).toBe('there');
});
