import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { greeting, tinyInitrd } from '../end-to-end/guest-init.js';
import { inSync, live, VmUnderTest } from '../end-to-end/vm-under-test.js';
import { debianKernel } from './debian-kernel.js';

it("boots Debian's own kernel, protected from the start, through two deaths", async (context) => {
  const kernel = debianKernel();
  if (kernel === null) return context.skip('no Debian kernel can be had here');
  const vm = new VmUnderTest([]);
  const initrd = join(vm.place, 'initrd');
  writeFileSync(initrd, tinyInitrd());
  const primary = vm.primary('--kernel', kernel, '--initrd', initrd, '--memory', '128', '--acpi');
  const backup = vm.backup();
  await inSync(backup);
  await primary.stdout.until(/Linux version/);
  await primary.kill();
  await live(backup);
  await backup.stdout.until(new RegExp(greeting));
  await backup.ask('first', /first\r\n[^]*first\r\n/);
  const another = await vm.protect();
  await backup.kill();
  await live(another);
  await another.ask('second', /second\r\n[^]*second\r\n/);
  expect((await vm.status()).replay.divergences).toBe(0);
});
