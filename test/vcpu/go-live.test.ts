import { describe, expect, it } from 'vitest';
import { loadLinuxImage } from './linux-image.js';
import { LiveGuest, prompt } from './live-guest.js';
import { MemoryDisk } from './memory-disk.js';

const linux = loadLinuxImage();

describe.skipIf(!linux)('a real guest (skipped where images/linux is not built)', () => {
  it('goes live in the middle of a disk operation and notices nothing', async () => {
    const disk = new MemoryDisk(linux!.disk, 5);
    const primary = await LiveGuest.start(linux!.spec(), disk);
    await primary.waitFor(prompt);
    const work = 'dd if=/dev/urandom of=/root/x bs=64k count=90 conv=fsync && md5sum /root/x; date';
    primary.type(`${work}; echo "status $?"`);
    const before = disk.writes;
    await primary.until(() => disk.writes > before + 3, 'some writes');
    await primary.close(); // Dies at whatever point it has reached.
    const records = primary.records.slice(0, primary.ran.length);
    const inFlight = primary.ran.flatMap(({ outputs }) => outputs).filter(isDiskRequest).length;
    const ended = records.flatMap(({ events }) => events).filter(isDiskEnd).length;

    const backup = await LiveGuest.start(primary.spec, disk, { replay: records });
    await backup.until(() => backup.isLive, 'going live');
    expect(inFlight).toBeGreaterThanOrEqual(ended);
    // What the primary wrote is the beginning of what the backup wrote.
    expect(backup.console.startsWith(primary.console)).toBe(true);
    await backup.waitFor(/status 0[^]*# (\x1b\[6n)?$/);
    expect(
      await backup.run('dmesg | grep -ci -e "i/o error" -e exception -e "clock.*unstable"'),
    ).toMatch(/\n0\r?\n/);
    const clocks = [...records, ...backup.records].map(({ clockMs }) => clockMs);
    expect(clocks).toEqual([...clocks].sort((a, b) => a - b));
    await backup.close();
  });

  it('stands still while it is paused, and goes on', async () => {
    const guest = await LiveGuest.start(linux!.spec(), new MemoryDisk(linux!.disk, 1));
    await guest.waitFor(prompt);
    guest.type('while :; do :; done');
    await sleep(100);
    guest.vcpu.pause();
    await sleep(100);
    const epochs = guest.ran.length;
    expect(guest.records).toHaveLength(epochs);
    await sleep(200);
    expect(guest.ran).toHaveLength(epochs);
    guest.vcpu.resume();
    await guest.until(() => guest.ran.length > epochs + 10, 'epochs after the pause');
    await guest.close();
  });

  it('costs a few percent of a core while its guest is idle', async () => {
    const guest = await LiveGuest.start(linux!.spec(), new MemoryDisk(linux!.disk, 1));
    await guest.waitFor(prompt);
    await sleep(300);
    const [before, epochs] = [process.cpuUsage(), guest.ran.length];
    await sleep(1000);
    const used = process.cpuUsage(before);
    expect(guest.ran.length - epochs).toBeLessThan(150);
    expect((used.user + used.system) / 1e6).toBeLessThan(0.15);
    await guest.close();
  });
});

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const isDiskRequest = ({ kind }: { kind: string }): boolean =>
  kind === 'diskRead' || kind === 'diskWrite';
const isDiskEnd = ({ kind }: { kind: string }): boolean => kind === 'diskCompleted';
