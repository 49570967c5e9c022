import { expect, it } from 'vitest';
import { live, VmUnderTest } from './vm-under-test.js';

it('a backup that reads the shared disk itself needs no data in the log, and takes over (§4.2)', async () => {
  const vm = new VmUnderTest(['--memory', '32', '--backup-reads']);
  const primary = await vm.booted();
  await primary.shell('dd if=/dev/urandom of=/root/data bs=1M count=2 conv=fsync');
  const backup = await vm.protect();
  // The first records may still have data: the backup was not awaited yet.
  await primary.shell('cat /root/data | wc -c');
  const before = (await vm.status()).log.bytesTotal;
  await primary.shell('echo 3 > /proc/sys/vm/drop_caches');
  const sum = await primary.shell('md5sum /root/data | cut -c1-32');
  const { log, protection } = await vm.status();
  expect(protection).toBe('protected');
  expect(log.bytesTotal - before).toBeLessThan(1024 * 1024);

  await primary.shell('cp /root/data /root/copy; sync');
  await primary.kill();
  await live(backup);
  await backup.shell('echo 3 > /proc/sys/vm/drop_caches');
  expect(await backup.shell('md5sum /root/data | cut -c1-32')).toBe(sum);
  expect(await backup.shell('md5sum /root/copy | cut -c1-32')).toBe(sum);
  expect(backup.stderr.text).not.toMatch(/DIVERGED|diverged/);
});
