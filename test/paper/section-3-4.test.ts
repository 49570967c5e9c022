import { describe, expect, it } from 'vitest';
import { protectedPair } from '../hypervisor/small-world.js';
import { DrivenPrimary } from '../role/driven-primary.js';
import { readOf, writeOf } from '../role/settings.js';

describe('§3.4 "Parallel disk ops to the same disk location: detect and serialise the same way on both sides" (7a)', () => {
  it('the later operation starts when the earlier has ended', () => {
    const primary = new DrivenPrimary();
    primary.run(writeOf(1, 0, 'aaaa'), readOf(2, 2), writeOf(3, 512));
    expect(primary.startedDisk).toEqual([1, 3]);
    primary.step({ kind: 'diskFinished', requestId: 1, result: { kind: 'written' } });
    expect(primary.startedDisk).toEqual([1, 3, 2]);
  });

  it('in the same order after a failover', async () => {
    const { world, a, b } = await protectedPair();
    world.disk.isSlow = true;
    for (const text of ['first', 'second', 'third']) a.type(`write 1 ${text}`);
    await world.pass(50);
    a.kill();
    await world.pass(200);
    for (let i = 0; i < 5; i += 1) {
      world.disk.finish();
      await world.pass(20);
    }
    const writes = world.disk.writes.filter((write) => write.startsWith('b:'));
    expect(writes).toEqual(['b:1=first', 'b:1=second', 'b:1=third']);
    expect(b.isReleasing).toBe(true);
  });
});

describe('§3.4 "Reads [are] copied to guest memory only as the completion is delivered" (7b)', () => {
  it('in the same epoch on both sides, with the same bytes', async () => {
    const { world, a, b } = await protectedPair();
    a.type('write 9 bounced');
    await world.pass(20);
    a.type('read 9');
    await world.pass(50);
    const completionOf = (host: typeof a) =>
      host.vcpu?.ran
        .filter(({ events }) => events.some(({ kind }) => kind === 'diskCompleted'))
        .map(({ epoch }) => epoch);
    expect(completionOf(b)).toHaveLength(2);
    expect(completionOf(b)).toEqual(completionOf(a));
  });
});

describe('§3.4 "Re-issue all pending IOs at go-live" (7c)', () => {
  it('a write that was acknowledged to nobody yet is not lost, at whatever moment', async () => {
    for (let moment = 5; moment <= 60; moment += 5) {
      const { world, a, b } = await protectedPair();
      a.type('write 4 kept');
      await world.pass(moment);
      a.kill();
      await world.pass(300);
      const issued = b.vcpu?.ran.some(({ events }) =>
        events.some((event) => event.kind === 'consoleInput'),
      );
      b.type('read 4');
      await world.pass(100);
      if (issued) expect(b.console).toBe('kept');
    }
  });

  it('completions of what the old primary had begun reach the guest once', async () => {
    const { world, a, b } = await protectedPair();
    world.disk.isSlow = true;
    a.type('write 4 x');
    a.type('read 5');
    await world.pass(50);
    a.kill();
    await world.pass(200);
    world.disk.isSlow = false;
    world.disk.finish();
    await world.pass(100);
    const ended = b.vcpu?.ran.flatMap(({ events }) =>
      events.flatMap((event) => (event.kind === 'diskCompleted' ? [event.requestId] : [])),
    );
    expect(ended?.toSorted()).toEqual([1, 2]);
  });
});

describe('§4.1 "Shared disk is external: only the primary writes" (9a), §4.2 "Backup never reads disk" (9d)', () => {
  it('a backup touches no disk', async () => {
    const { world, a } = await protectedPair();
    for (let i = 0; i < 10; i += 1) {
      a.type(`write ${i} x`);
      a.type(`read ${i}`);
    }
    await world.pass(200);
    expect(world.disk.writes).toHaveLength(10);
    expect(world.disk.writes.every((write) => write.startsWith('a:'))).toBe(true);
    expect(world.disk.readers).toEqual(new Set(['a']));
  });
});
