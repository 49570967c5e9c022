import { expect, it } from 'vitest';
import { calmPlan, type Fault } from '../../src/sim/fault-plan.js';
import { says, scenario } from './scenario.js';

const calm = calmPlan(0);
const timeoutMs = calm.failureTimeoutMs;
const at = 500;

it('a world without faults has no failover and full redundancy', async () => {
  for (const report of await scenario([])) {
    expect(report.failovers).toBe(0);
    expect(report.coldStarts).toBe(1);
    expect(report.acknowledged).toBeGreaterThan(50);
  }
});

it('kill -9 of the primary: the backup goes live, and a new backup joins it', async () => {
  for (const report of await scenario([{ atMs: at, kind: 'kill', target: 'live', afterActs: 0 }])) {
    expect(report.failovers).toBe(1);
    expect(report.coldStarts).toBe(1);
  }
});

it('kill -9 of the backup: the primary goes on in a generation of its own', async () => {
  for (const report of await scenario([
    { atMs: at, kind: 'kill', target: 'other', afterActs: 0 },
  ])) {
    expect(report.failovers).toBe(0);
    expect(says(report, 'holds generation 2 (backupLost)')).toBe(true);
  }
});

it('power loss of the primary: only silence tells, and it is enough', async () => {
  const faults: Fault[] = [{ atMs: at, kind: 'powerLoss', target: 'live', forMs: 600 }];
  for (const report of await scenario(faults)) {
    expect(report.failovers).toBe(1);
    expect(says(report, 'silent too long')).toBe(true);
  }
});

it.each([0, 1, 2, 3, 4, 5])(
  'a primary stopped after %i more acts wakes up after the takeover, and halts',
  async (afterActs) => {
    const forMs = 4 * timeoutMs;
    const faults: Fault[] = [{ atMs: at, kind: 'pause', target: 'live', forMs, afterActs }];
    for (const report of await scenario(faults)) {
      expect(report.failovers).toBe(1);
      expect(says(report, 'a1    ends: lostClaim')).toBe(true);
    }
  },
);

it('a backup stopped for too long is lost, and joins again', async () => {
  const faults: Fault[] = [
    { atMs: at, kind: 'pause', target: 'other', forMs: 4 * timeoutMs, afterActs: 0 },
  ];
  for (const report of await scenario(faults)) {
    expect(report.failovers).toBe(0);
    expect(says(report, 'b1    joins again')).toBe(true);
  }
});

it.each(['in', 'out', 'both'] as const)(
  'a partition of the primary (%s): one of the two goes on, the other does not',
  async (direction) => {
    const forMs = 4 * timeoutMs;
    const faults: Fault[] = [
      { atMs: at, kind: 'partition', target: 'live', direction, what: 'all', forMs },
    ];
    const reports = await scenario(faults, { loadMs: 2000 });
    for (const report of reports) expect(report.failovers).toBeLessThanOrEqual(1);
  },
);

it('the channel alone is cut: heartbeats do not keep a useless backup', async () => {
  const forMs = 5 * timeoutMs;
  const faults: Fault[] = [
    { atMs: at, kind: 'partition', target: 'live', direction: 'both', what: 'channel', forMs },
  ];
  for (const report of await scenario(faults, { loadMs: 2000 })) {
    expect(says(report, 'holds generation 2')).toBe(true);
  }
});

it('heartbeats alone are lost: nobody minds', async () => {
  const faults: Fault[] = [
    { atMs: 0, kind: 'partition', target: 0, direction: 'both', what: 'datagrams', forMs: 1500 },
  ];
  for (const report of await scenario(faults)) {
    expect(report.failovers).toBe(0);
    expect(says(report, 'backupLost')).toBe(false);
  }
});

it('storage is down when the primary dies: nobody is live until it is back', async () => {
  const faults: Fault[] = [
    { atMs: at - 10, kind: 'storageDown', target: 'all', forMs: 800 },
    { atMs: at, kind: 'kill', target: 'live', afterActs: 0 },
  ];
  for (const report of await scenario(faults)) expect(report.failovers).toBe(1);
});

it('storage is down when the backup dies: output waits, and goes on by itself', async () => {
  const faults: Fault[] = [
    { atMs: at - 10, kind: 'storageDown', target: 'all', forMs: 800 },
    { atMs: at, kind: 'kill', target: 'other', afterActs: 0 },
  ];
  for (const report of await scenario(faults)) {
    expect(report.failovers).toBe(0);
    expect(report.coldStarts).toBe(1);
  }
});

it('storage is lost to one side of a partition: at most one goes on, and the VM survives', async () => {
  const forMs = 5 * timeoutMs;
  for (const target of [0, 1]) {
    const faults: Fault[] = [
      { atMs: at, kind: 'partition', target: 0, direction: 'both', what: 'all', forMs },
      { atMs: at, kind: 'storageDown', target, forMs },
    ];
    // A claim may go through although its side never hears of it, so either may win.
    for (const report of await scenario(faults, { loadMs: 2000 })) {
      expect(report.failovers).toBeLessThanOrEqual(1);
      expect(report.coldStarts).toBe(1);
    }
  }
});

it('a clock that jumps ahead makes a primary ask, and go on', async () => {
  const faults: Fault[] = [{ atMs: at, kind: 'clockJump', target: 'live', byMs: 5000 }];
  for (const report of await scenario(faults)) {
    expect(says(report, 'wokeUp')).toBe(true);
    expect(report.coldStarts).toBe(1);
  }
});

it('clocks that drift, and a wall clock that is set back, are of no consequence', async () => {
  const skews = [
    { offsetMs: 1e6, rate: 0.93 },
    { offsetMs: 0, rate: 1.07 },
  ];
  const faults: Fault[] = [{ atMs: at, kind: 'clockJump', target: 'live', byMs: -3_600_000 }];
  for (const report of await scenario(faults, { skews })) expect(report.failovers).toBe(0);
});

it('damaged messages cost a link, never a byte', async () => {
  const network = { ...calm.network, damageRate: 0.005 };
  const reports = await scenario([], { network });
  expect(reports.some((report) => says(report, 'backupLost'))).toBe(true);
});

it('heartbeats that are lost, doubled and late do not make a failover', async () => {
  const network = { ...calm.network, lossRate: 0.5, duplicateRate: 0.3, delayMsMax: 20 };
  for (const report of await scenario([], { network })) expect(report.failovers).toBe(0);
});

it('links that are reset while the replicas live are opened again', async () => {
  const faults: Fault[] = [{ atMs: at, kind: 'resetLinks', target: 'live' }];
  for (const report of await scenario(faults)) expect(report.coldStarts).toBe(1);
});

it('a slow backup with a small buffer slows the primary, and follows', async () => {
  const faults: Fault[] = [{ atMs: at, kind: 'slowHost', target: 'other', factor: 60, forMs: 600 }];
  const changes = { logBufferBytesMax: 1024 };
  for (const report of await scenario(faults, changes)) expect(report.coldStarts).toBe(1);
});

it('a disk that fails, is slow, and loses its primary in the middle keeps what was acknowledged', async () => {
  const disk = { ...calm.disk, delayMsMax: 10 };
  const faults: Fault[] = [
    { atMs: at - 200, kind: 'failingDisk', target: 'live', rate: 0.2, forMs: 300 },
    { atMs: at - 100, kind: 'slowDisk', target: 'live', factor: 10, forMs: 400 },
    { atMs: at, kind: 'kill', target: 'live', afterActs: 0 },
    { atMs: at + 1, kind: 'failingDisk', target: 'live', rate: 0.2, forMs: 300 },
    { atMs: at + 900, kind: 'kill', target: 'live', afterActs: 0 },
  ];
  // A guest whose disk is never quiet would take in no new backup.
  const guest = { ...calm.guest, readRate: 0.03, writeRate: 0.06 };
  for (const report of await scenario(faults, { disk, guest })) {
    expect(report.failovers).toBe(2);
  }
});

it('the death of all replicas at once: the next start finds on the disk what was acknowledged', async () => {
  const faults: Fault[] = [
    { atMs: at, kind: 'kill', target: 0, afterActs: 0 },
    { atMs: at, kind: 'kill', target: 1, afterActs: 0 },
  ];
  for (const report of await scenario(faults)) expect(report.coldStarts).toBe(2);
});

it('three replicas: primary and first backup die one after the other', async () => {
  const faults: Fault[] = [
    { atMs: at, kind: 'kill', target: 'live', afterActs: 0 },
    { atMs: at + 60, kind: 'kill', target: 'live', afterActs: 0 },
  ];
  const reports = await scenario(faults, { hosts: 3 });
  for (const report of reports) expect(report.failovers + report.coldStarts).toBeGreaterThan(1);
});

it('the power button ends the guest on every replica, and nobody goes live', async () => {
  const faults: Fault[] = [{ atMs: at, kind: 'powerButton' }];
  for (const report of await scenario(faults, { hosts: 3 })) {
    expect(report.failovers).toBe(0);
    for (const who of ['a1', 'b1', 'c1'])
      expect(says(report, `${who}    ends: poweredOff`)).toBe(true);
  }
});

it('the reset button makes a fresh guest on all replicas, with the old disk', async () => {
  const faults: Fault[] = [
    { atMs: at, kind: 'resetButton' },
    { atMs: at + 5, kind: 'kill', target: 'live', afterActs: 0 },
  ];
  for (const report of await scenario(faults)) expect(report.failovers).toBe(1);
});

it('a paused guest stays paused through a failover, and goes on when it is resumed', async () => {
  const faults: Fault[] = [
    { atMs: at, kind: 'pauseGuest', forMs: 500 },
    { atMs: at + 60, kind: 'kill', target: 'live', afterActs: 0 },
  ];
  for (const report of await scenario(faults)) {
    expect(report.failovers).toBe(1);
    expect(report.coldStarts).toBe(1);
  }
});

it('a backup joins a paused guest, and takes it over paused', async () => {
  const faults: Fault[] = [
    { atMs: at, kind: 'pauseGuest', forMs: 1200 },
    { atMs: at + 20, kind: 'kill', target: 'other', afterActs: 0 },
    { atMs: at + 900, kind: 'kill', target: 'live', afterActs: 0 },
  ];
  for (const report of await scenario(faults)) {
    expect(report.failovers).toBe(1);
    expect(report.coldStarts).toBe(1);
  }
});

it('a guest that crashes ends on all replicas at the same epoch, without a failover', async () => {
  const guest = { ...calm.guest, crashRate: 0.004 };
  for (const report of await scenario([], { guest })) expect(report.failovers).toBe(0);
});

it('a primary that leaves hands over to its backup', async () => {
  const faults: Fault[] = [{ atMs: at, kind: 'leave', target: 'live' }];
  for (const report of await scenario(faults)) {
    expect(report.failovers).toBe(1);
    expect(report.coldStarts).toBe(1);
  }
});

it('a second primary is refused while there is one', async () => {
  const faults: Fault[] = [
    { atMs: at, kind: 'kill', target: 'other', afterActs: 0 },
    { atMs: at + 20, kind: 'startPrimary' },
  ];
  const changes = { restartMsMin: 200, restartMsMax: 400 };
  for (const report of await scenario(faults, changes)) {
    expect(report.coldStarts).toBe(1);
    expect(says(report, 'LiveElsewhereError')).toBe(true);
  }
});

it('a backup whose memory changes by itself is found out and seeded again', async () => {
  const reports = await scenario(
    [],
    {},
    {
      prepare: (cluster) => {
        cluster.timeline.at(at, () => {
          const backup = cluster.host('other');
          if (backup?.witness) backup.witness.isDamaged = true;
          backup?.vcpu?.guest.flipBit();
        });
      },
    },
  );
  for (const report of reports) expect(says(report, 'diverged')).toBe(true);
});
