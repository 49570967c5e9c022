import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { inSync, live, VmUnderTest } from './vm-under-test.js';

/** A host under load must not look like a dead one: these tests are about something else. */
const patient = ['--failure-timeout', '5000'];

const flipABit = fileURLToPath(new URL('./flip-a-bit.mjs', import.meta.url));

it('a backup with one wrong bit is found out, named, dropped and seeded again', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted(...patient);
  const backup = vm.backupBy({ preload: flipABit }, ...patient);
  await inSync(backup);
  const { replica } = (await vm.status()).backups[0]!;
  primary.type('i=0; while i=$((i+1)); do echo line $i; sleep 0.05; done\n');
  await primary.stdout.until(/line 5\r\n/);
  const [flippedAt, said] = [(await vm.status()).primary!.epoch, backup.stderr.end];
  backup.signal('SIGUSR2');

  await backup.stderr.until(/DIVERGED from the primary after epoch \d+: memory/, said);
  await backup.stderr.until(/joining again as a new backup: diverged/, said);
  await inSync(backup, said);
  await primary.stderr.until(/DIVERGED: backup [0-9a-f]{8} is not what this guest was/);
  const status = await vm.status();
  expect(status).toMatchObject({
    protection: 'protected',
    replay: { divergences: 1 },
    lastDivergence: { replica, count: 1, agreeing: 1, at: expect.stringMatching(/^20.*Z$/) },
  });
  const { epoch, what } = status.lastDivergence!;
  expect(epoch).toBeGreaterThanOrEqual(flippedAt);
  // The stretch of memory with the flipped bit in it.
  const [, start, end] = /^memory from 0x([0-9a-f]+) to 0x([0-9a-f]+): 0x\w+ here, /.exec(what)!;
  expect(parseInt(start!, 16)).toBeLessThanOrEqual(0x1d00123);
  expect(parseInt(end!, 16)).toBeGreaterThan(0x1d00123);

  const reports = readdirSync(join(vm.dir, 'divergences'));
  expect(reports).toHaveLength(1);
  expect(JSON.parse(readFileSync(join(vm.dir, 'divergences', reports[0]!), 'utf8'))).toMatchObject({
    epoch,
    difference: what,
    replica,
    pid: backup.pid,
    primary: { pid: primary.pid },
    ours: { epoch, memoryHash: expect.any(Number) },
    theirs: { epoch, memoryHash: expect.any(Number) },
  });
  const metrics = await (await fetch(`${status.primary!.api}/metrics`)).text();
  expect(metrics).toMatch(/^ftvm_divergences_total 1$/m);
  const table = await vm.run('status', vm.dir);
  expect(table.stdout).toMatch(/divergence +1 so far; the last: replica [0-9a-f]{8} at epoch \d+/);

  // Nobody who looks at the guest has seen any of it, and the new copy is a good one.
  const next = primary.stdout.end;
  await primary.stdout.until(/line \d+\r\n/, next);
  await primary.kill();
  await live(backup);
  await backup.stdout.until(/line \d+\r\n/, backup.stdout.end);
  const numbers = [...primary.stdout.text.matchAll(/^line (\d+)\r$/gm)].map(([, n]) => Number(n));
  expect(numbers).toEqual(numbers.map((_number, at) => at + 1));
});
