import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { live, prompt, VmUnderTest } from './vm-under-test.js';

it('a generation file that nobody understands ends no replica, and stops no takeover', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  const backup = await vm.protect();
  writeFileSync(join(vm.generationsDir, 'generation-9.json'), 'junk');
  await primary.stderr.until(/Cannot tell who is live/);
  primary.type('echo it is $((40 + 2))\n');
  await primary.stdout.until(/it is 42/);
  await primary.kill();
  await live(backup);
  backup.type('echo it is $((40 + 3))\n');
  await backup.stdout.until(/it is 43/);
});

it('a guest that powered off is known to be off: status says so, a start does not wait', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  primary.type('poweroff\n');
  expect(await primary.ended).toBe(0);
  expect(readdirSync(vm.generationsDir)).toContain('ended-1.json');
  expect((await vm.status()).reason).toMatch(/^nobody is live: the guest powered off at /);
  const again = vm.primary();
  await again.stdout.until(prompt);
  expect(again.stderr.text).not.toContain('a backup of the last primary');
});

it('a start after a death waits for a backup that may still go live', async () => {
  const vm = new VmUnderTest();
  await (await vm.booted()).kill();
  const again = vm.primary();
  await again.stderr.until(/waiting for a backup of the last primary to go live/);
  await again.stdout.until(prompt);
});

it('stop does not take a primary that is stopped for one that is off', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted();
  primary.signal('SIGSTOP');
  const { status, stderr } = await vm.run('stop', vm.dir);
  expect(status).toBe(4);
  expect(stderr).toContain('[FTVM_HOLDER_SILENT]');
});
