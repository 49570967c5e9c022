import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { FtvmProcessOptions } from '../end-to-end/ftvm-process.js';
import { otherBuild } from '../end-to-end/other-build.js';
import { RedisConnection, switchFor } from '../end-to-end/redis-connection.js';
import { inSync, live, VmUnderTest } from '../end-to-end/vm-under-test.js';

/** Paths of other Nodes, with colons between. */
const others = (process.env['FTVM_OTHER_NODE'] ?? '').split(':').filter((path) => path !== '');

it.skipIf(others.length === 0)(
  `upgrades Node and ftvm under a running guest (${others.join(' ') || 'skipped: set FTVM_OTHER_NODE'})`,
  async () => {
    const vm = new VmUnderTest(['--memory', '64', '--service', 'redis']);
    const { url, port } = await switchFor(vm, 6379);
    let primary = await vm.booted('--switch', url);

    const redis = new RedisConnection(port);
    let [count, isDone] = [0, false];
    const work = (async () => {
      while (!isDone) {
        expect(await redis.ask('INCR n')).toBe(`:${count + 1}`);
        count += 1;
      }
    })();
    const program = otherBuild(join(vm.place, 'next'), '0.1.99');
    // To each Node and back, then to the next build, on our Node and on the last of the others.
    const steps: Omit<FtvmProcessOptions, 'cwd'>[] = [
      ...others.flatMap((node) => [{ node }, {}]),
      { program },
      { program, node: others.at(-1)! },
    ];
    for (const step of steps) {
      const before = count;
      const next = vm.backupBy(step, '--switch', url);
      await inSync(next);
      const said = primary.stderr.end;
      expect(await vm.run('failover', vm.dir)).toMatchObject({ status: 0 });
      await live(next);
      // It protects the new one until it is replaced in turn.
      await inSync(primary, said);
      expect(await vm.status()).toMatchObject({
        protection: 'protected',
        primary: { pid: next.pid },
        lastDivergence: null,
      });
      primary.signal('SIGTERM');
      await primary.ended;
      expect(count).toBeGreaterThan(before);
      expect(redis.isOver).toBe(false);
      primary = next;
    }
    isDone = true;
    await work;
    expect(await redis.ask('GET n')).toContain(String(count));
  },
);
