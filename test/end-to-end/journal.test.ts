import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { first } from './auto-trio.js';
import { RedisConnection, switchFor } from './redis-connection.js';
import { inSync, VmUnderTest } from './vm-under-test.js';

const journal = (name: string): string[] => ['--journal', name, '--journal-sync'];

it('goes on over one TCP connection after both hosts died, with every acknowledged write', async () => {
  const vm = new VmUnderTest(['--memory', '64', '--service', 'redis']);
  const { url, port } = await switchFor(vm, 6379);
  const cable = ['--switch', url];
  const primary = await vm.booted(...cable, ...journal('a'));
  const backup = await vm.protect(...cable, ...journal('b'));

  const redis = new RedisConnection(port);
  let acknowledged = 0;
  const work = async (until: number): Promise<void> => {
    while (acknowledged < until) {
      expect(await redis.ask(`SET key:${acknowledged + 1} ${acknowledged + 1}`)).toBe('+OK');
      acknowledged += 1;
    }
  };
  await work(50);
  const bootId = await primary.shell('cat /proc/sys/kernel/random/boot_id');
  const uptimeS = Number.parseFloat(await primary.shell('cat /proc/uptime'));
  // In the middle of its work, and both at once: a primary that sees its backup die goes on without it.
  const through = work(150);
  primary.signal('SIGSTOP');
  await backup.kill();
  await primary.kill();
  const atDeath = acknowledged;

  // The journal of a backup is as good as that of its primary.
  const resumed = vm.primary(...cable, ...journal('b'));
  await resumed.stderr.until(/LIVE again at epoch \d+, from the journal/);
  await through;
  for (let i = 1; i <= acknowledged; i += 1) {
    expect(await redis.ask(`GET key:${i}`)).toBe(`$${String(i).length}\r\n${i}`);
  }
  expect(atDeath).toBeGreaterThanOrEqual(50);
  expect(redis.isOver).toBe(false);
  expect(await resumed.shell('cat /proc/sys/kernel/random/boot_id')).toBe(bootId);
  const later = Number.parseFloat(await resumed.shell('cat /proc/uptime'));
  expect(later).toBeGreaterThan(uptimeS);

  // The other one ends where the first two died, and the disk has moved on since.
  await resumed.kill();
  const refused = await vm.primary(...cable, ...journal('a')).finished();
  expect(refused.status).toBe(4);
  expect(refused.stderr).toMatch(/the disk has moved on: generation \d+ ran on/);
  expect(refused.stderr).toContain('[FTVM_JOURNAL_REFUSED]');

  // And once more, from what a resume has written.
  const again = vm.primary(...cable, ...journal('b'));
  await again.stderr.until(/LIVE again at epoch/);
  expect(await redis.ask('GET key:150')).toBe('$3\r\n150');
  expect((await vm.run('stop', vm.dir)).status).toBe(0);
  expect(await again.ended).toBe(0);
});

it('two with --auto and journals: both die, and the guest goes on where it was', async () => {
  const vm = new VmUnderTest(['--memory', '32', '--append', 'app=counter']);
  const auto = (name: string) => vm.start('run', vm.dir, '--auto', ...vm.options, ...journal(name));
  const a = auto('a');
  await a.stdout.until(/counter ready/);
  const b = auto('b');
  await inSync(b);
  for (const count of [1, 2, 3]) await a.ask('inc', new RegExp(`count ${count}\r\n`));
  a.signal('SIGSTOP');
  await b.kill();
  await a.kill();

  // A host that has nothing of it does not boot what the others can go on from.
  const c = auto('c');
  await c.stderr.until(/waiting for a replica that can start the VM; here: .* is empty/);
  const wereDead = [auto('b'), auto('a')];
  const again = /LIVE again at epoch \d+, from the journal/;
  const resumed = await first(
    wereDead.map((replica) => replica.stderr.until(again).then(() => replica)),
  );
  await resumed.ask('inc', /count 4\r\n/);
  const others = [c, ...wereDead].filter((replica) => replica !== resumed);
  await Promise.all(others.map((replica) => inSync(replica)));
  expect(vm.generations().map(({ reason }) => reason)).toContain('resume');
  expect(vm.generations().filter(({ reason }) => reason === 'start')).toHaveLength(1);
});

it('boots from the disk when the guest had been switched off, or when asked to', async () => {
  const vm = new VmUnderTest();
  const first = await vm.booted('--journal', 'j');
  const bootId = await first.shell('cat /proc/sys/kernel/random/boot_id');
  const inUse = await vm.primary('--journal', 'j').finished();
  expect(inUse.status).toBe(4);
  expect(inUse.stderr).toContain('[FTVM_DIRECTORY_IN_USE]');
  // The VM runs on while somebody looks at what it did.
  const seen = await vm.run('replay', 'j', '--console');
  expect(seen.status).toBe(0);
  expect(seen.stdout).toContain(bootId);
  const { lastEpoch, firstDivergence } = JSON.parse(
    (await vm.run('replay', 'j', '--json')).stdout,
  ) as { lastEpoch: number; firstDivergence: unknown };
  expect(firstDivergence).toBeNull();
  const early = await vm.run('replay', 'j', '--until', '20', '--json');
  expect(JSON.parse(early.stdout)).toMatchObject({ epochs: 20, lastEpoch: 20, truncated: false });
  const beyond = await vm.run('replay', 'j', '--until', String(lastEpoch + 1_000_000));
  expect(beyond.status).toBe(2);
  expect(beyond.stderr).toContain('[FTVM_REPLAY_RANGE]');
  await first.kill();

  const cold = await vm.booted('--journal', 'j', '--cold');
  expect(cold.stderr.text).not.toContain('from the journal');
  expect(await cold.shell('cat /proc/sys/kernel/random/boot_id')).not.toBe(bootId);
  expect(readdirSync(join(vm.place, 'j')).some((name) => name.startsWith('000001-'))).toBe(false);
  expect((await vm.run('stop', vm.dir)).status).toBe(0);
  await cold.ended;

  const after = await vm.booted('--journal', 'j');
  expect(after.stderr.text).not.toContain('from the journal');
});
