import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { FtvmProcess } from './ftvm-process.js';
import { live, prompt, VmUnderTest } from './vm-under-test.js';

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const guestSeconds = async (replica: FtvmProcess): Promise<number> =>
  Number(await replica.shell('date +%s'));

it('a VM switched on long after it was made has the time of now, and the backup that goes live, too', async () => {
  const vm = new VmUnderTest();
  const first = await vm.booted();
  await vm.run('stop', vm.dir);
  await first.ended;
  const file = join(vm.dir, 'vm.json');
  const made = await readFile(file, 'utf8');
  const longAgo = made.replace(/("wallClockAtStartMs": )\d+/, `$1${Date.UTC(2001, 1, 3)}`);
  expect(longAgo).not.toBe(made);
  await writeFile(file, longAgo);

  const startedAt = nowSeconds();
  const primary = await vm.booted();
  const backup = await vm.protect();
  expect(await guestSeconds(primary)).toBeGreaterThanOrEqual(startedAt - 1);
  expect(await guestSeconds(primary)).toBeLessThanOrEqual(nowSeconds() + 1);
  await primary.kill();
  await live(backup);
  // A system that boots asks the machine's clock; one that runs has its own.
  const from = backup.stdout.end;
  backup.type('reboot\n');
  await backup.stdout.until(new RegExp(`ftvm guest ready[^]*${prompt.source}`), from);
  expect(await guestSeconds(backup)).toBeGreaterThanOrEqual(startedAt - 1);
  expect(await guestSeconds(backup)).toBeLessThanOrEqual(nowSeconds() + 1);
});
