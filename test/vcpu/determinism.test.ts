import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { V86Vcpu } from '../../dist/vcpu/v86-vcpu.js';
import { firstDifference } from '../../src/guest/state-digest.js';
import { loadLinuxImage } from './linux-image.js';
import { LiveGuest, prompt } from './live-guest.js';
import { MemoryDisk } from './memory-disk.js';
import { replayGuest } from './replayed-guest.js';

const linux = loadLinuxImage();

interface Report {
  epochs: number;
  digestsCompared: number;
  outputBytes: number;
  firstDivergence: unknown;
  truncated: boolean;
}

/** Replays a log file in another process, by the Node named. */
function replayElsewhere(file: Uint8Array, node = process.execPath): Report {
  const place = mkdtempSync(join(tmpdir(), 'ftvm-test-'));
  onTestFinished(() => rmSync(place, { recursive: true, force: true }));
  const path = join(place, 'run.ftvmlog');
  writeFileSync(path, file);
  const script = new URL('../replay/replay-process.mjs', import.meta.url).pathname;
  return JSON.parse(execFileSync(node, [script, path], { encoding: 'utf8' })) as Report;
}

function otherNode(): string | null {
  // Paths, with colons between.
  const named = (process.env['FTVM_OTHER_NODE'] ?? '').split(':');
  for (const candidate of [...named, 'node24', 'node22', 'node20']) {
    if (!candidate) continue;
    try {
      const version = execFileSync(candidate, ['--version'], { encoding: 'utf8' });
      if (version.split('.')[0] !== process.version.split('.')[0]) return candidate;
    } catch {
      continue; // Not installed.
    }
  }
  return null;
}

describe.skipIf(!linux)('a real guest (skipped where images/linux is not built)', () => {
  const other = otherNode();

  it.each([
    { jit: true, model: 'virtio' as const },
    { jit: false, model: 'ne2k' as const },
  ])(
    'replays in another process, every digest and output equal (jit $jit, $model)',
    async ({ jit, model }) => {
      const spec = linux!.spec({ jit, nic: { model, mac: '52:54:00:12:34:56' } });
      const disk = new MemoryDisk(linux!.disk);
      const guest = await LiveGuest.start(spec, disk);
      await guest.waitFor(prompt);
      expect(await guest.run('ip link')).toContain('link/ether 52:54:00:12:34:56');
      await guest.run('dd if=/dev/urandom of=/root/x bs=64k count=8 conv=fsync; md5sum /root/x');
      await guest.run('i=0; while [ $i -lt 300 ]; do i=$((i+1)); done; sleep 0.3; date');
      await guest.close();
      expect(disk.reads).toBeGreaterThan(10);
      expect(disk.writes).toBeGreaterThan(2);

      const report = replayElsewhere(guest.logFile());
      expect(report).toMatchObject({ firstDivergence: null, truncated: false });
      expect(report.digestsCompared).toBeGreaterThanOrEqual(guest.ran.length);
      expect(report.outputBytes).toBeGreaterThanOrEqual(guest.console.length);
    },
  );

  it.skipIf(!other)(
    `replays on another major version of Node (${other ?? 'skipped: set FTVM_OTHER_NODE, none found'})`,
    async () => {
      const guest = await LiveGuest.start(linux!.spec(), new MemoryDisk(linux!.disk));
      await guest.waitFor(prompt);
      await guest.run('dd if=/dev/urandom bs=64k count=20 | md5sum');
      await guest.close();
      expect(replayElsewhere(guest.logFile(), other!)).toMatchObject({ firstDivergence: null });
    },
  );

  it('goes on after a cut, and a second vCPU from the snapshot stays equal to it', async () => {
    const guest = await LiveGuest.start(linux!.spec(), new MemoryDisk(linux!.disk));
    await guest.waitFor(prompt);
    // Writes are in flight nearly all the time: the cut has to wait for a gap, or make one.
    guest.type('dd if=/dev/urandom of=/root/x bs=64k count=20 conv=fsync; md5sum /root/x');
    const busy = await guest.cut();
    await guest.waitFor(prompt);
    const halted = await guest.cut();
    expect(await guest.run('md5sum /root/x; date')).toMatch(/[0-9a-f]{32}/);
    await guest.close();

    for (const snapshot of [busy, halted]) {
      const records = guest.records.filter(({ epoch }) => epoch > snapshot.epoch);
      const events = await replayGuest(guest.spec, records, { snapshot });
      const expected = guest.ran.filter(({ epoch }) => epoch > snapshot.epoch);
      expect(events.length).toBeGreaterThanOrEqual(expected.length);
      expected.forEach((ran, i) => {
        const event = events[i];
        if (event?.kind !== 'ran') throw new Error(`${String(event?.kind)} at ${ran.epoch}`);
        expect(firstDifference(event.after, ran.after)).toBeNull();
        expect(event.outputs).toEqual(ran.outputs);
      });
    }
  });

  it('finds out a replica whose memory differs by one bit, within one pass of the scrub', async () => {
    const guest = await LiveGuest.start(linux!.spec(), new MemoryDisk(linux!.disk));
    await guest.waitFor(prompt);
    await guest.run('sleep 3');
    await guest.close();
    const flipAt = guest.records.find(({ clockMs }) => clockMs > 800)!.epoch;
    // Memory nobody uses after so short a life: only the scrub sees it, in its third second.
    const flip = (vcpu: V86Vcpu): void => vcpu.flipBit(20 * 2 ** 20, 3);
    const events = await replayGuest(guest.spec, guest.records, {
      interrupt: { at: flipAt, by: flip },
    });
    expect(events.at(-1)).toMatchObject({ kind: 'diverged' });
  });
});
