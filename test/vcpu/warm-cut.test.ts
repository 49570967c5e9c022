import { afterEach, describe, expect, it, vi } from 'vitest';
import { firstDifference, type StateDigest } from '../../src/guest/state-digest.js';
import { loadLinuxImage } from './linux-image.js';
import { differences, factsOf, linearMemoryOf } from './machine-facts.js';
import { GuestThread } from './stepped-guest.js';

const linux = loadLinuxImage();
let thread: GuestThread | null = null;
afterEach(() => {
  thread?.close();
  thread = null;
});

const idle = null;
const frame = Uint8Array.from({ length: 64 }, (_, i) => (i < 6 ? 0xff : i));

describe.skipIf(!linux)('a cut of a real guest (skipped where images/linux is not built)', () => {
  it.each([
    { nic: 'virtio', acpi: false },
    { nic: 'ne2k', acpi: true },
  ] as const)(
    'has the whole machine, and what is restored from it does the same ($nic, acpi $acpi)',
    async ({ nic, acpi }) => {
      thread = await GuestThread.start(
        linux!.spec({ nic: { model: nic, mac: '52:54:00:12:34:56' }, acpi }),
      );
      vi.spyOn(console, 'log').mockReturnValue(undefined); // v86 says what it thinks of the frames.
      const guest = await thread.guest(null, linux!.disk);
      guest.stepUntilPrompt();
      const loads = [
        idle,
        'for i in 1 2 3 4 5 6 7 8 9; do ls -l /bin | sort >/dev/null; done',
        'dd if=/dev/sda bs=64k count=80 | gzip >/root/x; sync; md5sum /root/x',
        'i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done',
      ];
      for (const load of loads) {
        if (load !== idle) guest.type(load);
        for (let epochs = 0; epochs < 60; epochs++) guest.step();
        guest.inject({ kind: 'frameReceived', frame });
        const snapshot = guest.cut();
        const atCut = { facts: factsOf(guest.machine), memory: linearMemoryOf(guest.machine) };
        const cutAt = guest.records.length;
        const digests: StateDigest[] = [];
        for (let epochs = 0; epochs < 80; epochs++) {
          guest.step();
          digests.push(guest.runner.lastDigest);
        }

        const copy = await thread.guest(snapshot, linux!.disk);
        expect(differences(factsOf(copy.machine), atCut.facts)).toEqual([]);
        expect(linearMemoryOf(copy.machine).equals(atCut.memory)).toBe(true);
        guest.records.slice(cutAt).forEach((record, i) => {
          copy.runner.runEpoch(record);
          expect(firstDifference(copy.runner.lastDigest, digests[i]!)).toBeNull();
        });
        expect(differences(factsOf(copy.machine), factsOf(guest.machine))).toEqual([]);
        expect(linearMemoryOf(copy.machine).equals(linearMemoryOf(guest.machine))).toBe(true);
        guest.stepUntilPrompt();
      }
    },
  );

  it('has console input that the guest had not read', async () => {
    thread = await GuestThread.start(linux!.spec());
    const guest = await thread.guest(null, linux!.disk);
    guest.stepUntilPrompt();
    guest.type('echo typed-$((40+2))');
    const copy = await thread.guest(guest.cut(), linux!.disk);
    copy.step();
    copy.stepUntilPrompt();
    expect(copy.console).toContain('typed-42');
  });

  it('can be cut again, and so can its copy', async () => {
    thread = await GuestThread.start(linux!.spec());
    let guest = await thread.guest(null, linux!.disk);
    guest.stepUntilPrompt();
    // A process for each turn: code pages come and go, and with them what was compiled of them.
    guest.type('while true; do (echo a | sort) >/dev/null; done');
    for (let cuts = 0; cuts < 6; cuts++) {
      for (let epochs = 0; epochs < 60; epochs++) guest.step();
      const copy = await thread.guest(guest.cut(), linux!.disk);
      const cutAt = guest.records.length;
      for (let epochs = 0; epochs < 20; epochs++) guest.step();
      for (const record of guest.records.slice(cutAt)) copy.runner.runEpoch(record);
      expect(linearMemoryOf(copy.machine).equals(linearMemoryOf(guest.machine))).toBe(true);
      if (cuts % 2 === 1) guest = copy;
    }
  });
});
