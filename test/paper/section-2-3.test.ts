import { describe, expect, it } from 'vitest';
import { protectedPair } from '../hypervisor/small-world.js';
import { DrivenBackup } from '../role/driven-backup.js';

describe('§2.3 "Backup fails: primary goes live = stops sending entries, runs normally" (3a)', () => {
  it('its output needs no ack any more, once the generation without the backup is its own', async () => {
    const { world, a, b } = await protectedPair();
    b.kill();
    await world.pass(100);
    expect(world.latest).toMatchObject({ generation: 2, reason: 'backupLost' });
    a.type('alone');
    await world.pass(20);
    expect(a.console).toBe('alone');
    expect(a.replica?.status()).toMatchObject({ status: { logBufferBytes: 0 } });
  });
});

describe('§2.3 "Primary fails: backup replays every received-and-acked entry to the last, then runs as a normal VM" (3b)', () => {
  it('with the output the old primary had not released', async () => {
    const { world, a, b } = await protectedPair();
    a.type('one ');
    await world.pass(50);
    a.type('two');
    await world.pass(5);
    a.kill();
    await world.pass(200);
    b.type(' three');
    await world.pass(50);
    expect(b.console).toMatch(/^one (two)? three$/);
  });
});

describe('§2.3 "Re-issue pending disk IOs at go-live" (3d, 7c)', () => {
  it('and their completions reach the guest', async () => {
    const { world, a, b } = await protectedPair();
    a.type('write 5 kept');
    await world.pass(50);
    world.disk.isSlow = true;
    a.type('read 5');
    await world.pass(50);
    a.kill();
    await world.pass(200);
    world.disk.isSlow = false;
    world.disk.finish();
    await world.pass(50);
    expect(b.console).toBe('kept');
  });
});

describe('§2.3 "UDP heartbeats AND monitoring of log traffic and of acks" (3e)', () => {
  it('a backup that is cut off goes live after the timeout, not before', async () => {
    const { world, a, b } = await protectedPair();
    a.storage = 'unreachable';
    world.cut(a, b);
    await world.pass(450);
    expect(b.isReleasing).toBe(false);
    await world.pass(150);
    expect(b.isReleasing).toBe(true);
  });

  it('heartbeats alone do not keep a primary whose log does not come', () => {
    const backup = DrivenBackup.inSync();
    backup.pass(2_000, 'heartbeats');
    expect(backup.claims).toEqual([2]);
  });

  it('the log alone does: a firewall may eat UDP', () => {
    const backup = DrivenBackup.inSync();
    backup.pass(10_000, 'channel');
    expect(backup.claims).toEqual([]);
  });
});

describe('§2.3 "whoever wants to go live does an atomic test-and-set on the shared storage; win = go live, lose = halt itself, storage unreachable = wait until it is" (3f)', () => {
  it.each([
    // Who reaches storage when the two do not reach each other, and who is live afterwards.
    { a: 'reachable', b: 'reachable', live: 1 },
    { a: 'reachable', b: 'unreachable', live: 1 },
    { a: 'unreachable', b: 'reachable', live: 1 },
    { a: 'unreachable', b: 'unreachable', live: 0 },
  ] as const)('cut apart, primary $a, backup $b: $live live', async (reaches) => {
    const { world, a, b } = await protectedPair();
    a.storage = reaches.a;
    b.storage = reaches.b;
    world.cut(a, b);
    for (let ms = 0; ms < 5_000; ms += 50) {
      a.type('a');
      b.type('b');
      await world.pass(50);
      expect(a.isReleasing && b.isReleasing && world.generations.size > 1).toBe(false);
    }
    expect([a, b].filter((host) => host.isReleasing)).toHaveLength(reaches.live);
    if (reaches.a === 'unreachable') expect(a.isReleasing).toBe(false);
    if (reaches.b === 'unreachable') expect(b.isReleasing).toBe(false);
    // Whoever waits does so without giving up.
    if (reaches.live === 0) {
      a.storage = 'reachable';
      b.storage = 'reachable';
      await world.pass(2_000);
      expect([a, b].filter((host) => host.isReleasing)).toHaveLength(1);
    }
  });

  it.each(['reachable', 'unreachable'] as const)(
    'while they reach each other, storage %s changes nothing',
    async (storage) => {
      const { world, a, b } = await protectedPair();
      a.storage = storage;
      b.storage = storage;
      await world.pass(3_000);
      a.type('on and on');
      await world.pass(50);
      expect(a.console).toBe('on and on');
      expect(b.isReleasing).toBe(false);
    },
  );

  it.each(['a', 'b'] as const)(
    'a claim of %s that went through, although the answer was "unreachable", is its own and nobody else has it',
    async (name) => {
      const { world, a, b } = await protectedPair();
      const [claimer, other] = name === 'a' ? [a, b] : [b, a];
      other.storage = 'unreachable';
      claimer.storage = 'takes claims and answers unreachable';
      world.cut(a, b);
      await world.pass(2_500);
      expect(world.latest?.holder.replica).toBe(name);
      expect([a.isReleasing, b.isReleasing]).toEqual([false, false]);
      other.storage = 'reachable';
      await world.pass(1_000);
      expect(other.isReleasing).toBe(false);
      claimer.storage = 'reachable';
      await world.pass(1_000);
      expect(claimer.isReleasing).toBe(true);
      expect(other.isReleasing).toBe(false);
    },
  );

  it('a primary that was stopped, and is woken after its backup took over, says nothing more', async () => {
    const { world, a, b } = await protectedPair();
    world.disk.isSlow = true;
    a.type('write 1 old');
    a.type('before');
    await world.pass(5);
    a.stop();
    await world.pass(2_000);
    expect(b.isReleasing).toBe(true);
    const [seen, frames] = [a.console, [...a.frames]];
    const writes = world.disk.writes.length;
    a.wake();
    await world.pass(500);
    expect(a.console).toBe(seen);
    expect(a.frames).toEqual(frames);
    expect(world.disk.writes.slice(writes).filter((write) => write.startsWith('a:'))).toEqual([]);
    expect(a.end).toMatchObject({ kind: 'lostClaim' });
  });

  it('a primary that was stopped, and is woken while its backup cannot reach storage, asks and goes on', async () => {
    const { world, a, b } = await protectedPair();
    b.storage = 'unreachable';
    a.stop();
    await world.pass(2_000);
    a.wake();
    a.type('still here');
    await world.pass(500);
    expect(a.isReleasing).toBe(true);
    expect(a.console).toBe('still here');
  });
});

describe('§2.3 "After going live, start a new backup on another host by itself" (3g, in part)', () => {
  it('a backup that waits is taken in by the new primary', async () => {
    const { world, a, b } = await protectedPair();
    const c = world.host('c');
    c.runBackup();
    await world.pass(300);
    expect(a.inSync).toEqual(['b', 'c']);
    a.kill();
    await world.pass(1_500);
    const [live, following] = b.isReleasing ? [b, c] : [c, b];
    expect(live.inSync).toEqual([following.name]);
    live.type('protected again');
    await world.pass(50);
    expect(following.console).toBe('protected again');
  });
});
