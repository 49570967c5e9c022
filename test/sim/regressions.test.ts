import { expect, it } from 'vitest';
import { calmPlan, type Fault } from '../../src/sim/fault-plan.js';
import { scenario } from './scenario.js';

/*
 * What campaigns of random worlds have found in the protocol, one world by hand for each. The seed is
 * the one that found it first, in the build of its day; the dice have changed since.
 */
const calm = calmPlan(0);

it('a backup that has stopped reading sees the end of a guest that crashes (seed 1194)', async () => {
  const faults: Fault[] = [
    { atMs: 200, kind: 'slowHost', target: 'other', factor: 40, forMs: 2000 },
  ];
  const guest = { ...calm.guest, crashRate: 0.02, talkRate: 0.9 };
  await scenario(faults, { guest, logBufferBytesMax: 700 }, { seeds: 30 });
});

it.each([4, 6, 10, 14])(
  'a start that dies right after its claim can be gone on from by itself (seeds 20000168, 20007108, killed at %i ms)',
  async (atMs) => {
    const faults: Fault[] = [{ atMs, kind: 'killAll', isPowerLoss: true }];
    await scenario(faults, { isAuto: true, journal: 'sync' });
  },
);

it.each([22, 24, 30, 60])(
  'a host whose journal is empty boots nothing that another one has the log of (killed at %i ms)',
  async (atMs) => {
    // The second host comes with an empty journal, and may be the first one to be back.
    const faults: Fault[] = [{ atMs, kind: 'killAll', isPowerLoss: true }];
    for (const { coldStarts } of await scenario(faults, { isAuto: true, journal: 'sync' })) {
      expect(coldStarts).toBe(1);
    }
  },
);

it('a resumed guest of disks that replicas read themselves is judged by all it did (seed 30004152)', async () => {
  const guest = { ...calm.guest, writeRate: 0.6, readRate: 0.6 };
  const faults = [500, 900, 1300].map((atMs): Fault => ({
    atMs,
    kind: 'killAll',
    isPowerLoss: true,
  }));
  await scenario(faults, { journal: 'async', disks: 'backupReads', guest, loadMs: 3500 });
});

it.each([1, 2, 3])(
  'a new primary lets nothing out that its journal could forget (seed 31000144, dead after %i ms)',
  async (forMs) => {
    const guest = { ...calm.guest, talkRate: 0.9, frameRate: 0.9 };
    const faults: Fault[] = [600, 1600, 2600].flatMap((atMs): Fault[] => [
      { atMs, kind: 'kill', target: 'live', afterActs: 0 },
      { atMs: atMs + 2 + forMs, kind: 'killAll', isPowerLoss: true },
    ]);
    await scenario(faults, { isAuto: true, journal: 'sync', guest, loadMs: 3500 });
  },
);

it.each([440, 460, 480])(
  'what the primary still holds for a slow backup is not lost with a new one (seed 10759, killed at %i ms)',
  async (atMs) => {
    const faults: Fault[] = [
      { atMs: 395, kind: 'lag', target: 2, delayMs: 90, forMs: 400 },
      { atMs: 400, kind: 'kill', target: 1, afterActs: 0 },
      { atMs, kind: 'kill', target: 0, afterActs: 0 },
    ];
    // Without disk operations the state is cut at once, while output waits.
    const guest = { ...calm.guest, talkRate: 0.9, writeRate: 0, readRate: 0 };
    const restart = { restartMsMin: 10, restartMsMax: 30 };
    const reports = await scenario(faults, { hosts: 3, guest, clientThinkMs: 2000, ...restart });
    for (const { failovers } of reports) expect(failovers).toBe(1);
  },
);

it.each([517, 519, 521, 523])(
  'what a new backup read of its disk before that was compared reaches no guest (seed 1246, stalled at %i ms)',
  async (atMs) => {
    const faults: Fault[] = [
      { atMs: 500, kind: 'kill', target: 1, afterActs: 0 },
      // The primary waits for this one, in the middle of a read, while the new one joins.
      { atMs, kind: 'lag', target: 2, delayMs: 95, forMs: 60 },
      { atMs: atMs + 90, kind: 'kill', target: 0, afterActs: 0 },
    ];
    const guest = { ...calm.guest, talkRate: 0.5, frameRate: 0.5, readRate: 0.6, writeRate: 0.1 };
    const small = { logBufferBytesMax: 500, restartMsMin: 10, restartMsMax: 12, loadMs: 1200 };
    await scenario(faults, { hosts: 3, disks: 'replicated', guest, ...small });
  },
);

it('a guest that is off is not resumed: the end of its process waits for its journal (seed 3389)', async () => {
  const faults: Fault[] = [{ atMs: 60, kind: 'powerButton' }];
  // Without a write there is nothing to fold, and the process ends at once.
  const guest = { ...calm.guest, readRate: 0, writeRate: 0 };
  const reports = await scenario(faults, { journal: 'sync', guest, clientThinkMs: 400 });
  for (const { failovers, coldStarts } of reports) {
    expect([failovers, coldStarts]).toEqual([0, 2]);
  }
});

it('a backup that joins right after a reset reads nothing that an earlier write has yet to change (seed 701168)', async () => {
  const faults = [500, 900, 1300].flatMap((atMs): Fault[] => [
    { atMs, kind: 'slowDisk', target: 0, factor: 20, forMs: 300 },
    { atMs: atMs + 10, kind: 'kill', target: 1, afterActs: 0 },
    { atMs: atMs + 60, kind: 'resetButton' },
  ]);
  const guest = { ...calm.guest, diskSectors: 4, readRate: 0.5, writeRate: 0.5 };
  const small = { restartMsMin: 10, restartMsMax: 14, loadMs: 1800 };
  await scenario(faults, { disks: 'backupReads', guest, ...small });
});
