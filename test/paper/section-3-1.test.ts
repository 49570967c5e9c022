import { describe, expect, it } from 'vitest';
import { SmallWorld, protectedPair } from '../hypervisor/small-world.js';

describe('§3.1 "One mechanism for first start and restart; works on a running VM in any state" (4a)', () => {
  it('a backup joins a guest that has been running, talking and writing', async () => {
    const world = new SmallWorld();
    const [a, b] = [world.host('a'), world.host('b')];
    a.runPrimary();
    await world.pass(50);
    a.type('long before ');
    a.type('write 1 disk');
    await world.pass(500);
    b.runBackup();
    await world.pass(200);
    expect(a.inSync).toEqual(['b']);
    a.kill();
    await world.pass(200);
    b.type('read 1');
    await world.pass(50);
    expect(b.console).toBe('disk');
  });

  it('the cut waits for disk operations in flight, and the guest runs on meanwhile', async () => {
    const world = new SmallWorld();
    const [a, b] = [world.host('a'), world.host('b')];
    a.runPrimary();
    await world.pass(50);
    world.disk.isSlow = true;
    a.type('read 1');
    await world.pass(50);
    b.runBackup();
    await world.pass(300);
    expect(a.inSync).toEqual([]);
    a.type('meanwhile');
    await world.pass(50);
    expect(a.console).toBe('meanwhile');
    world.disk.isSlow = false;
    world.disk.finish();
    await world.pass(200);
    expect(a.inSync).toEqual(['b']);
  });
});

describe('§3.1 "clone, not migrate: source is kept; source enters logging mode, destination enters replay mode" (4b)', () => {
  it('the primary is live all along, and the backup never is', async () => {
    const { world, a, b } = await protectedPair();
    expect(a.vcpu?.isLive).toBe(true);
    expect(b.vcpu?.isLive).toBe(false);
    a.type('seen by both');
    await world.pass(50);
    expect([a.console, b.console]).toEqual(['seen by both', 'seen by both']);
  });

  it('a second backup is cloned from a protected primary, which stays protected', async () => {
    const { world, a } = await protectedPair();
    const c = world.host('c');
    c.runBackup();
    for (let ms = 0; ms < 300; ms += 5) {
      await world.pass(5);
      expect(a.inSync).toContain('b');
    }
    expect(a.inSync).toEqual(['b', 'c']);
  });
});
