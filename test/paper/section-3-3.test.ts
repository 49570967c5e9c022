import { describe, expect, it } from 'vitest';
import { protectedPair } from '../hypervisor/small-world.js';

describe('§3.3 "Explicit power-off of the primary stops the backup too (must not go live)" (6a)', () => {
  it.each([
    ['by the guest', 'off'],
    ['by a crash of the guest', 'crash'],
  ])('%s', async (_what, word) => {
    const { world, a, b } = await protectedPair();
    a.type(word);
    await world.pass(2_000);
    const kind = word === 'off' ? 'poweredOff' : 'crashed';
    expect(a.end).toMatchObject({ kind });
    expect(b.end).toMatchObject({ kind });
    expect(world.generations.size).toBe(1);
  });

  it('by the operator', async () => {
    const { world, a, b } = await protectedPair();
    a.replica?.inject({ kind: 'powerPressed' });
    await world.pass(2_000);
    expect([a.end, b.end]).toMatchObject([{ kind: 'poweredOff' }, { kind: 'poweredOff' }]);
    expect(world.generations.size).toBe(1);
  });

  it('also a backup that is far behind', async () => {
    const { world, a, b } = await protectedPair();
    if (b.vcpu) b.vcpu.isSlow = true;
    a.type('off');
    await world.pass(3_000);
    expect(a.end).toMatchObject({ kind: 'poweredOff' });
    expect(world.generations.size).toBe(1);
    if (b.vcpu) b.vcpu.isSlow = false;
    await world.pass(100);
    expect(b.end).toMatchObject({ kind: 'poweredOff' });
  });

  it('also when the primary dies at that very moment: nobody boots the guest again', async () => {
    for (let moment = 0; moment <= 30; moment += 5) {
      const { world, a, b } = await protectedPair();
      a.type('write 1 last-words');
      a.type('off');
      await world.pass(moment);
      const wasRecorded = a.vcpu?.isOver ?? false;
      a.kill();
      await world.pass(1_000);
      // The power button of a primary that died before it was in a record was never pressed.
      if (b.isReleasing) expect(b.vcpu?.isOver).toBe(false);
      else expect(b.end).toMatchObject({ kind: 'poweredOff' });
      if (!wasRecorded) continue;
      if (b.end) expect(world.disk.writes.join()).toContain('1=last-words');
    }
  });
});

describe('§3.3 "Operations are started only on the primary" (6c)', () => {
  it('a backup takes no input', async () => {
    const { world, a, b } = await protectedPair();
    b.type('to the backup');
    b.replica?.inject({ kind: 'powerPressed' });
    await world.pass(100);
    expect([a.console, b.console]).toEqual(['', '']);
    expect([a.end, b.end]).toEqual([null, null]);
  });
});
