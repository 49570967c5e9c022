import { expect, it } from 'vitest';
import { RedisConnection, switchFor } from './redis-connection.js';
import { inSync, live, VmUnderTest } from './vm-under-test.js';

it.each(['virtio', 'ne2k'])(
  'keeps a TCP connection to the guest through a kill and a planned failover (%s)',
  async (nic) => {
    const words = ['--memory', '64', '--service', 'redis', '--nic', nic];
    const vm = new VmUnderTest(words);
    const { url, port } = await switchFor(vm, 6379);
    const cable = ['--switch', url];
    const primary = await vm.booted(...cable);
    const second = await vm.protect(...cable);

    const redis = new RedisConnection(port);
    let acknowledged = 0;
    const work = async (until: number): Promise<void> => {
      while (acknowledged < until) {
        expect(await redis.ask(`SET key:${acknowledged + 1} ${acknowledged + 1}`)).toBe('+OK');
        acknowledged += 1;
      }
    };
    await work(50);
    const through = work(150);
    await primary.kill();
    await live(second);
    await through;

    const third = await vm.protect(...cable);
    const more = work(250);
    const { status, stdout } = await vm.run('failover', vm.dir);
    expect(status).toBe(0);
    expect(stdout).toContain(`process ${third.pid} `);
    await live(third);
    await more;
    // The old primary is the backup now.
    await inSync(second);

    for (let i = 1; i <= acknowledged; i += 1) {
      expect(await redis.ask(`GET key:${i}`)).toBe(`$${String(i).length}\r\n${i}`);
    }
    expect(redis.isOver).toBe(false);
    expect((await vm.run('stop', vm.dir)).status).toBe(0);
  },
);

it('refuses to hand a VM over that has no backup, and says when it has just lost it', async () => {
  const vm = new VmUnderTest();
  await vm.booted();
  const { status, stderr } = await vm.run('failover', vm.dir);
  expect(status).toBe(4);
  expect(stderr).toContain('is not protected');
  expect(stderr).toContain('[FTVM_FAILOVER]');

  const backup = await vm.protect();
  // Nobody has noticed yet.
  backup.signal('SIGSTOP');
  const lost = await vm.run('failover', vm.dir, '--timeout', '3600');
  backup.signal('SIGCONT');
  expect(lost.status).toBe(4);
  expect(lost.stderr).toContain('vm has lost its backup');
});
