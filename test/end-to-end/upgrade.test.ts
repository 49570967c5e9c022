import { join } from 'node:path';
import { expect, it } from 'vitest';
import { otherBuild } from './other-build.js';
import { inSync, live, VmUnderTest } from './vm-under-test.js';

/** A host under load must not look like a dead one: these tests are about something else. */
const patient = ['--failure-timeout', '5000'];

it('hands the VM to another build of the same log version, and none of another', async () => {
  const vm = new VmUnderTest();
  const primary = await vm.booted(...patient);
  await primary.shell('echo 1 > /tmp/n');

  const foreign = vm.backupBy({ program: otherBuild(join(vm.place, 'far'), '9.0.0', 99) });
  expect(await foreign.ended).toBe(4);
  expect(foreign.stderr.text).toMatch(/log version 99, the primary has \d+\n.*FTVM_BUILD_DIFFERS/);

  const next = vm.backupBy({ program: otherBuild(join(vm.place, 'next'), '0.1.99') }, ...patient);
  await inSync(next);
  const said = primary.stderr.end;
  expect(await vm.run('failover', vm.dir)).toMatchObject({ status: 0 });
  await live(next);
  expect(await next.shell('cat /tmp/n; echo 2 > /tmp/n')).toBe('1');
  // The old build protects the new one until its own host is upgraded: the way back is open.
  await inSync(primary, said);
  expect(await vm.run('failover', vm.dir)).toMatchObject({ status: 0 });
  await live(primary, said);
  expect(await primary.shell('cat /tmp/n')).toBe('2');
  expect(await vm.status()).toMatchObject({ lastDivergence: null });
});
