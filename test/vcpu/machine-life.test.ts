import { describe, expect, it } from 'vitest';
import { loadLinuxImage } from './linux-image.js';
import { LiveGuest, prompt } from './live-guest.js';
import { MemoryDisk } from './memory-disk.js';
import { replayGuest } from './replayed-guest.js';

const linux = loadLinuxImage();

/** Replays all that a closed guest recorded and expects what it told. */
async function expectSameReplay(guest: LiveGuest): Promise<void> {
  // The record of the epoch in which it was closed was announced, its end was not told.
  const records = guest.records.slice(0, guest.ran.length);
  const events = await replayGuest(guest.spec, records);
  const ran = events.filter((event) => event.kind === 'ran');
  expect(ran.map(({ after }) => after)).toEqual(guest.ran.map(({ after }) => after));
  expect(ran.flatMap(({ outputs }) => outputs)).toEqual(
    guest.ran.flatMap(({ outputs }) => outputs),
  );
}

describe.skipIf(!linux)('a real guest (skipped where images/linux is not built)', () => {
  it('comes back after it resets itself, on a clock that goes on', async () => {
    const guest = await LiveGuest.start(linux!.spec(), new MemoryDisk(linux!.disk, 1));
    await guest.waitFor(prompt);
    guest.type('reboot -f');
    await guest.until(() => guest.outputKinds.has('reboot'), 'the reboot');
    const { epoch, clockMs } = guest.records.at(-1)!;
    await guest.waitFor(/ready[^]*# (\x1b\[6n)?$/);
    const [, uptime] = /\n(\d+\.\d+) /.exec(await guest.run('cat /proc/uptime')) ?? [];
    expect(Number(uptime) * 1000).toBeLessThan(guest.records.at(-1)!.clockMs - clockMs);
    await guest.close();
    expect(guest.outputKinds.get('reboot')).toBe(1);
    expect(guest.records.at(-1)!.epoch).toBeGreaterThan(epoch);
    expect(guest.records.at(-1)!.clockMs).toBeGreaterThan(clockMs);
    await expectSameReplay(guest);
  });

  it('comes back after the operator pressed reset, and ignores what the old machine asked for', async () => {
    const guest = await LiveGuest.start(linux!.spec(), new MemoryDisk(linux!.disk, 1));
    await guest.waitFor(prompt);
    guest.type('dd if=/dev/sda of=/dev/null bs=64k');
    guest.vcpu.inject({ kind: 'resetPressed' });
    await guest.waitFor(/ready[^]*# (\x1b\[6n)?$/);
    await guest.close();
    await expectSameReplay(guest);
  });

  it('is off once it has halted for good, and the vCPU runs no more', async () => {
    const guest = await LiveGuest.start(linux!.spec(), new MemoryDisk(linux!.disk, 1));
    await guest.waitFor(prompt);
    guest.type('poweroff -f');
    await guest.until(() => guest.outputKinds.has('powerOff'), 'the power-off');
    const epochs = guest.ran.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(guest.ran).toHaveLength(epochs);
    await guest.close();
    await expectSameReplay(guest);
  });

  it('is off once the operator cut the power', async () => {
    const guest = await LiveGuest.start(linux!.spec(), new MemoryDisk(linux!.disk, 1));
    guest.vcpu.inject({ kind: 'powerPressed' });
    await guest.until(() => guest.outputKinds.has('powerOff'), 'the power-off');
    await guest.close();
  });

  it('sees a failed disk read as an error, lives on, and reads again when the disk is well', async () => {
    const disk = new MemoryDisk(linux!.disk, 1);
    const guest = await LiveGuest.start(linux!.spec(), disk);
    await guest.waitFor(prompt);
    const bad = { start: 40 * 2 ** 20, end: 40 * 2 ** 20 + 512 };
    disk.badRanges = [{ ...bad, kinds: ['diskRead'] }];
    const read = 'dd if=/dev/sda of=/dev/null bs=4k skip=10240 count=1; echo "status $?"';
    expect(await guest.run(read)).toMatch(/error|status 1/);
    expect(disk.failures).toBeGreaterThan(0);
    expect(await guest.run('dmesg | tail -40')).toMatch(/I\/O error.*sda|UNC/);
    disk.badRanges = [];
    expect(await guest.run(read)).toContain('status 0');
    await guest.close();
    await expectSameReplay(guest);
  });

  it('sees a failed disk write as an error and lives on', async () => {
    const disk = new MemoryDisk(linux!.disk, 1);
    const guest = await LiveGuest.start(linux!.spec(), disk);
    await guest.waitFor(prompt);
    const bad = { start: 50 * 2 ** 20, end: 51 * 2 ** 20 };
    disk.badRanges = [{ ...bad, kinds: ['diskWrite'] }];
    const write =
      'dd if=/dev/zero of=/dev/sda bs=4k seek=12800 count=1 conv=fsync; echo "status $?"';
    expect(await guest.run(write)).toMatch(/error|status 1/);
    expect(disk.failures).toBeGreaterThan(0);
    disk.badRanges = [];
    expect(await guest.run(write)).toContain('status 0');
    await guest.close();
    await expectSameReplay(guest);
  });
});
