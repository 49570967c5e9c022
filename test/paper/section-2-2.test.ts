import { describe, expect, it } from 'vitest';
import { protectedPair } from '../hypervisor/small-world.js';
import { DrivenPrimary } from '../role/driven-primary.js';
import { consoleOf, frameOf, writeOf } from '../role/settings.js';

describe('§2.2 "Log goes to the backup over the channel; backup replays in real time." (2a)', () => {
  it('the backup has run what the primary ran a moment ago', async () => {
    const { world, a, b } = await protectedPair();
    await world.pass(500);
    const ranOnA = a.vcpu?.ran.at(-1)?.epoch ?? 0;
    const ranOnB = b.vcpu?.ran.at(-1)?.epoch ?? 0;
    expect(ranOnA).toBeGreaterThan(100);
    expect(ranOnA - ranOnB).toBeLessThan(5);
  });
});

describe('§2.2 "after takeover the backup continues in a way entirely consistent with all outputs the primary has sent" (2b)', () => {
  it('at whatever moment the primary dies', async () => {
    for (let moment = 0; moment < 60; moment += 5) {
      const { world, a, b } = await protectedPair();
      for (let i = 0; i < 5; i += 1) {
        a.type(`${i}`);
        a.type(`frame f${i}`);
        await world.pass(5);
      }
      await world.pass(moment);
      const [seen, frames] = [a.console, a.frames];
      a.kill();
      await world.pass(200);
      expect(b.isReleasing).toBe(true);
      // Every byte and frame that has left is part of what the new primary's guest has done.
      expect(b.console.startsWith(seen)).toBe(true);
      b.type('!');
      await world.pass(50);
      expect(b.console.endsWith('!')).toBe(true);
      // A frame leaves twice at most, and none of a guest that did not happen.
      expect([...frames, ...b.frames].filter((frame) => !/^f[0-4]$/.test(frame))).toEqual([]);
    }
  });
});

describe('§2.2 "the backup must replay up to that output point and may go live only there or later" (2c)', () => {
  it('a backup far behind runs to the end of what it received before it goes live', async () => {
    const { world, a, b } = await protectedPair();
    if (b.vcpu) b.vcpu.isSlow = true;
    a.type('hello');
    await world.pass(100);
    expect(a.console).toBe('hello');
    expect(b.console).toBe('');
    a.kill();
    await world.pass(300);
    expect(b.isReleasing).toBe(false);
    if (b.vcpu) b.vcpu.isSlow = false;
    await world.pass(50);
    expect(b.isReleasing).toBe(true);
    expect(b.console).toBe('hello');
  });
});

describe('§2.2 "no output until the backup has received and acked the log entry of the operation producing it" (2d)', () => {
  it.each([
    ['console bytes', consoleOf('x'), 'emitConsole'],
    ['a frame', frameOf('x'), 'emitFrame'],
    ['a disk write', writeOf(1), 'startDisk'],
    ['power off', { kind: 'powerOff' } as const, 'end'],
  ] as const)('%s', (_what, output, effect) => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.run(output);
    primary.ack(1, primary.epoch - 1);
    expect(primary.of(effect)).toEqual([]);
    primary.ack(1);
    expect(primary.of(effect)).toHaveLength(1);
  });
});

describe('§2.2 "Only the output waits; the VM runs on" (2e)', () => {
  it('epochs follow each other while output waits for its ack', () => {
    const primary = new DrivenPrimary({ logBufferBytesMax: 1024 * 1024 });
    primary.joinInSync(1);
    for (let i = 0; i < 100; i += 1) primary.run(consoleOf('x', i));
    expect(primary.commands()).not.toContain('pause');
    expect(primary.console).toBe('');
    primary.ack(1);
    expect(primary.console).toHaveLength(100);
  });
});

describe('§2.2 "the last output may be repeated at failover" (2f)', () => {
  it('a frame not known to have left leaves again, and a write lands again', async () => {
    const { world, a, b } = await protectedPair();
    world.disk.isSlow = true;
    a.type('write 3 x');
    await world.pass(50);
    // It has left, and its sender is dead before it can say so.
    a.diesOfFrames = true;
    a.type('frame again');
    await world.pass(200);
    world.disk.isSlow = false;
    world.disk.finish();
    await world.pass(50);
    expect([...a.frames, ...b.frames]).toEqual(['again', 'again']);
    // What the dead host had begun, and what the live one began again.
    expect(world.disk.writes).toEqual(['a:3=x', 'b:3=x']);
  });
});

describe('§2.2 "Packets arriving at the primary may be lost at failover" (2g)', () => {
  it('input that was in no record is gone, and the guest goes on without it', async () => {
    const { world, a, b } = await protectedPair();
    a.type('early');
    await world.pass(50);
    a.type('lost');
    a.kill();
    await world.pass(200);
    b.type('late');
    await world.pass(50);
    expect(b.console).toBe('earlylate');
  });
});
