import { describe, expect, it } from 'vitest';
import { protectedPair } from '../hypervisor/small-world.js';
import { DrivenBackup } from '../role/driven-backup.js';
import { DrivenPrimary } from '../role/driven-primary.js';
import { consoleOf } from '../role/settings.js';

describe('§3.2 "Backup acks each time it reads entries into its buffer (on receipt, not on execution)" (5b)', () => {
  it('output leaves although the backup has not run it', async () => {
    const { world, a, b } = await protectedPair();
    if (b.vcpu) b.vcpu.isSlow = true;
    a.type('not waiting for execution');
    await world.pass(50);
    expect(a.console).toBe('not waiting for execution');
    expect(b.console).toBe('');
  });

  it('an ack follows each message of records at once', () => {
    const backup = DrivenBackup.inSync();
    backup.record();
    backup.record();
    expect(backup.acks()).toEqual([11, 12]);
  });
});

describe('§3.2 "Backup finds its buffer empty: stops until an entry comes; no client effect" (5c)', () => {
  it('a primary whose guest is stopped keeps its backup, which runs nothing and claims nothing', async () => {
    const { world, a, b } = await protectedPair();
    if (a.vcpu) a.vcpu.isPaused = true;
    await world.pass(20);
    const ran = b.vcpu?.ran.length;
    await world.pass(3_000);
    expect(b.vcpu?.ran.length).toBe(ran);
    expect(a.inSync).toEqual(['b']);
    expect(world.generations.size).toBe(1);
  });
});

describe('§3.2 "Primary finds its buffer full: stops until entries are flushed" (5d)', () => {
  it('and the backup, whose own buffer was full, gets every record', async () => {
    const { world, a, b } = await protectedPair({ logBufferBytesMax: 4096 });
    if (b.vcpu) b.vcpu.isSlow = true;
    // As much as both buffers take and more; a vCPU that stops shows it.
    await world.pass(1_500);
    expect(a.vcpu?.isPaused).toBe(true);
    const stoppedAt = a.vcpu?.ran.at(-1)?.epoch ?? 0;
    await world.pass(200);
    expect(a.vcpu?.ran.at(-1)?.epoch).toBe(stoppedAt);
    if (b.vcpu) b.vcpu.isSlow = false;
    await world.pass(200);
    expect(a.vcpu?.isPaused).toBe(false);
    expect(a.vcpu?.ran.at(-1)?.epoch).toBeGreaterThan(stoppedAt);
    expect(b.vcpu?.ran.at(-1)?.epoch).toBeGreaterThan(stoppedAt);
    expect(a.inSync).toEqual(['b']);
  });
});

describe('§3.2 "Send extra data in the log/ack protocol to measure real-time lag" (5g)', () => {
  it('acks say how far the backup has run, and the primary knows the lag', async () => {
    const { world, a, b } = await protectedPair();
    await world.pass(500);
    const lag = (): number => {
      const status = a.replica?.status();
      return status?.kind === 'primary' ? (status.status.backups[0]?.lagMs ?? NaN) : NaN;
    };
    expect(lag()).toBeLessThan(30);
    if (b.vcpu) b.vcpu.isSlow = true;
    await world.pass(300);
    expect(lag()).toBeGreaterThan(250);
  });
});

describe('§3.2 "cut the primary\'s CPU by a few percent first; slow feedback loop lowers it while lag persists and raises it again" (5h)', () => {
  it('the share falls while the backup is slow and comes back', async () => {
    const { world, a, b } = await protectedPair();
    if (b.vcpu) b.vcpu.isSlow = true;
    await world.pass(1_000);
    const lowest = a.vcpu?.shares.at(-1) ?? 100;
    expect(lowest).toBeLessThan(90);
    expect(lowest).toBeGreaterThanOrEqual(10);
    if (b.vcpu) b.vcpu.isSlow = false;
    await world.pass(3_000);
    expect(a.vcpu?.shares.at(-1)).toBe(100);
  });
});

describe('§3.2 "Failover time is about detection time + execution lag at failure" (5f)', () => {
  it.each([0, 400])('%i ms of lag', async (lagMs) => {
    const { world, a, b } = await protectedPair();
    if (lagMs > 0 && b.vcpu) b.vcpu.isSlow = true;
    await world.pass(lagMs);
    a.kill();
    await world.pass(100);
    if (b.vcpu) b.vcpu.isSlow = false;
    await world.pass(50);
    expect(b.isReleasing).toBe(true);
  });
});

describe('§3.5 "force an immediate flush of its output log entry" (8e)', () => {
  it('the record of an output goes with no delay for batching', () => {
    const primary = new DrivenPrimary();
    primary.joinInSync(1);
    primary.pass(50, [1]);
    primary.effects.length = 0;
    primary.record();
    expect(primary.sent(1, 'records')).toEqual([]);
    primary.ran(consoleOf('now'));
    expect(primary.sent(1, 'records')).toHaveLength(1);
  });
});
