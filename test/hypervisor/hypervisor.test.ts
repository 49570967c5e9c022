import { describe, expect, it } from 'vitest';
import { LiveElsewhereError } from '../../src/hypervisor/live-elsewhere-error.js';
import { RefusedError } from '../../src/channel/handshake.js';
import { protectedPair, SmallWorld } from './small-world.js';

it('has a machine built before there is a state to put into it', async () => {
  const world = new SmallWorld();
  const [a, b, c] = [world.host('a'), world.host('b'), world.host('c')];
  b.runBackup();
  await world.pass(50);
  expect([b.preparedVcpus, b.vcpus]).toEqual([1, []]);
  // Who only ever starts a guest waits for no state.
  a.runPrimary();
  await world.pass(500);
  c.runAuto();
  await world.pass(50);
  expect([a.preparedVcpus, c.preparedVcpus]).toEqual([0, 1]);
});

describe('starting', () => {
  it('claims the first generation and powers the machine on', async () => {
    const world = new SmallWorld();
    const a = world.host('a');
    a.runPrimary();
    await world.pass(50);
    expect(world.latest).toMatchObject({ generation: 1, reason: 'start', inSync: [] });
    expect(a.isReleasing).toBe(true);
  });

  it('waits for storage, and says so once', async () => {
    const world = new SmallWorld();
    const a = world.host('a');
    a.storage = 'unreachable';
    a.runPrimary();
    await world.pass(3_000);
    expect(a.vcpus).toEqual([]);
    expect(a.waits).toEqual(['the shared disk: no storage']);
    a.storage = 'reachable';
    await world.pass(300);
    expect(a.isReleasing).toBe(true);
  });

  it('finds its own claim that went through although it was told otherwise', async () => {
    const world = new SmallWorld();
    const a = world.host('a');
    a.runPrimary();
    // The storage breaks down between the question and the claim.
    world.beforeClaim = () => {
      a.storage = 'takes claims and answers unreachable';
    };
    await world.pass(500);
    expect(world.latest?.holder.replica).toBe('a');
    world.beforeClaim = () => undefined;
    a.storage = 'reachable';
    await world.pass(500);
    expect(a.end).toBeNull();
    expect(a.isReleasing).toBe(true);
    expect(world.generations.size).toBe(1);
  });

  it('does not start beside a live primary', async () => {
    const { world } = await protectedPair();
    const c = world.host('c');
    c.runPrimary({ holderIsDead: true });
    await world.pass(100);
    expect(c.end).toBeInstanceOf(LiveElsewhereError);
    expect(world.generations.size).toBe(1);
  });

  it('takes silence for no death, unless somebody has made sure', async () => {
    const world = new SmallWorld();
    const [a, c, d] = [world.host('a'), world.host('c'), world.host('d')];
    a.runPrimary();
    await world.pass(50);
    a.stop();
    c.runPrimary();
    await world.pass(1_000);
    expect(c.end).toBeInstanceOf(LiveElsewhereError);
    d.runPrimary({ holderIsDead: true });
    await world.pass(2_100);
    expect(d.isReleasing).toBe(true);
    expect(world.latest).toMatchObject({ generation: 2, reason: 'start' });
    // Woken, the other finds out before it says anything.
    a.wake();
    a.type('zombie');
    await world.pass(500);
    expect(a.end).toMatchObject({ kind: 'lostClaim' });
    expect(a.console).toBe('');
  });

  it('boots from the disk when everybody is dead', async () => {
    const { world, a, b } = await protectedPair();
    a.type('write 1 kept');
    await world.pass(50);
    a.kill();
    b.kill();
    const c = world.host('c');
    c.runPrimary();
    // A backup that is still there would go first, so it is given the time.
    await world.pass(1_900);
    expect(world.latest).toMatchObject({ generation: 1 });
    await world.pass(200);
    c.type('read 1');
    await world.pass(50);
    expect(c.console).toBe('kept');
    expect(world.latest).toMatchObject({ generation: 2, reason: 'start' });
  });

  it('has one winner when two start at once', async () => {
    const world = new SmallWorld();
    const hosts = ['a', 'b', 'c'].map((name) => world.host(name));
    for (const host of hosts) host.runPrimary();
    await world.pass(200);
    expect(hosts.filter((host) => host.isReleasing)).toHaveLength(1);
    expect(hosts.filter((host) => host.end instanceof LiveElsewhereError)).toHaveLength(2);
  });

  it('can be called off while it waits', async () => {
    const world = new SmallWorld();
    const a = world.host('a');
    a.storage = 'unreachable';
    a.runPrimary();
    await world.pass(100);
    a.hypervisor.leave();
    await world.pass(10);
    expect(a.end).toEqual({ kind: 'left' });
  });
});

describe('following', () => {
  it('waits for a primary as long as there is none', async () => {
    const world = new SmallWorld();
    const [a, b] = [world.host('a'), world.host('b')];
    b.runBackup();
    await world.pass(2_000);
    expect(b.waits).toEqual(['a primary']);
    a.runPrimary();
    await world.pass(500);
    expect(a.inSync).toEqual(['b']);
  });

  it('joins again by itself after its link broke', async () => {
    const { world, a, b } = await protectedPair();
    for (const link of [...b.links]) link.close();
    await world.pass(3_000);
    expect(a.inSync).toEqual(['b']);
    expect(world.latest).toMatchObject({ generation: 2, reason: 'backupLost' });
    expect(a.isReleasing).toBe(true);
  });

  it('joins again after it was stopped for long, as a new backup of the same primary', async () => {
    const { world, a, b } = await protectedPair();
    b.stop();
    await world.pass(3_000);
    expect(a.inSync).toEqual([]);
    expect(a.isReleasing).toBe(true);
    a.type('meanwhile');
    await world.pass(50);
    b.wake();
    await world.pass(3_000);
    expect(a.inSync).toEqual(['b']);
    expect(b.isReleasing).toBe(false);
  });

  it('joins the winner when it lost the race to take over', async () => {
    const { world, a, b } = await protectedPair();
    const c = world.host('c');
    c.runBackup();
    await world.pass(300);
    a.kill();
    await world.pass(2_000);
    expect([b, c].filter((host) => host.isReleasing)).toHaveLength(1);
    expect([...b.inSync, ...c.inSync]).toHaveLength(1);
  });

  it('survives one primary after another', async () => {
    const world = new SmallWorld();
    const names = ['a', 'b', 'c', 'd', 'e'];
    const hosts = names.map((name) => world.host(name));
    hosts[0]?.runPrimary();
    await world.pass(50);
    for (const host of hosts.slice(1)) host.runBackup();
    await world.pass(1_000);
    for (let i = 0; i < 4; i += 1) {
      const live = hosts.filter((host) => !host.isDead && host.isReleasing);
      expect(live).toHaveLength(1);
      live[0]?.type(`${i}`);
      await world.pass(100);
      live[0]?.kill();
      await world.pass(2_000);
    }
    const last = hosts.find((host) => !host.isDead);
    expect(last?.isReleasing).toBe(true);
    expect(last?.console).toContain('3');
  });

  it('ends with the words of a refusal', async () => {
    const world = new SmallWorld();
    const a = world.host('a');
    const b = world.host('b', {
      self: {
        ...a.settings.self,
        vm: 'other',
        identity: { ...a.settings.self.identity, replica: 'b' },
      },
    });
    a.runPrimary();
    await world.pass(50);
    b.runBackup('ws://a:1');
    await world.pass(100);
    expect(b.end).toBeInstanceOf(RefusedError);
  });
});
