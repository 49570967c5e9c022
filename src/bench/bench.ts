import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { BenchGuest, ways, type Way } from './guest-trio.js';
import { networkWork, NetworkBench } from './network-bench.js';

/**
 * One line of the report: the same work on plain v86, on ftvm alone, and with a backup in sync.
 * `ratio` is protected speed over plain speed, so above 1 is better than plain whatever the unit.
 */
export interface BenchRow {
  readonly name: string;
  readonly unit: string;
  readonly plain: number;
  readonly alone: number;
  readonly protected: number;
  readonly ratio: number;
  /** Log sent while the protected guest did it. */
  readonly logBytesPerSecond: number;
}
export interface BenchReport {
  readonly machine: Record<string, string | number>;
  readonly repetitions: number;
  readonly rows: readonly BenchRow[];
  /** Seen on the protected guest during its own work; null if only the network was measured. */
  readonly protection: null | {
    readonly joinPauseMs: number;
    readonly joinMs: number;
    readonly commitDelayMsMean: number;
    readonly commitDelayMsMax: number;
    readonly lagMsMax: number;
    readonly idleLogBytesPerSecond: number;
    readonly idleBackupCpuPercent: number;
  };
}

/** Work for the guest's shell; each is long beside a console round trip. */
const work: readonly { readonly name: string; readonly command: string }[] = [
  { name: 'shell loop, 20k turns', command: 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done' },
  { name: 'md5sum, 32 MiB', command: 'dd if=/dev/zero bs=1M count=32 2>/dev/null | md5sum' },
  { name: 'gzip, busybox twice', command: 'gzip -c /bin/busybox /bin/busybox >/dev/null' },
  {
    name: 'dd, 100k blocks',
    command: 'dd if=/dev/zero of=/dev/null bs=512 count=100000 2>/dev/null',
  },
  {
    name: 'fork and exec, 100',
    command: 'i=0; while [ $i -lt 100 ]; do /bin/busybox true; i=$((i+1)); done',
  },
  {
    name: 'sqlite, 5k inserts',
    command:
      '(echo "create table t(a,b); begin;"; i=0; while [ $i -lt 5000 ]; do echo "insert into t values($i,$i);"; i=$((i+1)); done; echo "commit;") | sqlite3 /tmp/b.db; rm /tmp/b.db',
  },
  {
    name: 'disk write, 8 MiB synced',
    command: 'dd if=/dev/zero of=/root/w bs=64k count=128 conv=fsync 2>/dev/null',
  },
  {
    name: 'disk read, 8 MiB cold',
    command: 'echo 3 >/proc/sys/vm/drop_caches; dd if=/root/w of=/dev/null bs=64k 2>/dev/null',
  },
  { name: 'fsync, 50 records', command: 'fsyncer /root/f 50 >/dev/null' },
];

/** What can be run by itself: the guest's own work, or what clients ask of it. */
export const benchParts = ['guest', 'network'] as const;
export type BenchPart = (typeof benchParts)[number];

export interface BenchOptions {
  readonly repetitions: number;
  readonly idleSeconds: number;
  readonly parts: readonly BenchPart[];
}

/**
 * Runs everything, the three ways in turn within each repetition, so that a machine whose speed
 * drifts treats them alike; medians are reported.
 */
export async function bench(
  { repetitions, idleSeconds, parts }: BenchOptions,
  say: (line: string) => void,
): Promise<BenchReport> {
  const taken: Taken = { samples: new Map(), logRates: new Map(), joins: [], delays: [] };
  for (let turn = 1; turn <= repetitions; turn += 1) {
    for (const way of ways) {
      for (const part of parts) {
        say(`repetition ${turn} of ${repetitions}: ${way}, ${part}`);
        if (part === 'guest') await measureGuest(way, idleSeconds, taken);
        else await measureNetwork(way, taken);
      }
    }
  }
  return reportOf(taken, repetitions);
}

/** What was measured, by row or for the whole. */
interface Taken {
  readonly samples: Map<string, Record<Way, number[]>>;
  readonly logRates: Map<string, number[]>;
  readonly joins: { pauseMs: number; totalMs: number }[];
  readonly delays: {
    mean: number;
    max: number;
    lag: number;
    idleLog: number;
    idleBackup: number;
  }[];
}

function take({ samples }: Taken, name: string, way: Way, value: number): void {
  const row = samples.get(name) ?? { plain: [], alone: [], protected: [] };
  row[way].push(value);
  samples.set(name, row);
}

async function measureGuest(way: Way, idleSeconds: number, taken: Taken): Promise<void> {
  const { logRates, joins, delays } = taken;
  const dir = await mkdtemp(join(tmpdir(), 'ftvm-bench-'));
  const machine = await BenchGuest.boot(way, dir);
  try {
    take(taken, 'boot to prompt', way, machine.bootMs);
    let lag = 0;
    for (const { name, command } of work) {
      const before = (await machine.status())?.log.bytesTotal ?? 0;
      const tookMs = await machine.guest.time(command);
      take(taken, name, way, tookMs);
      const after = await machine.status();
      if (way !== 'protected' || !after) continue;
      const rate = ((after.log.bytesTotal - before) * 1000) / tookMs;
      logRates.set(name, [...(logRates.get(name) ?? []), rate]);
      lag = Math.max(lag, ...after.backups.map(({ lagMs }) => lagMs));
    }
    const logBefore = (await machine.status())?.log.bytesTotal ?? 0;
    const idle = await machine.idle(idleSeconds);
    take(taken, 'idle CPU', way, idle.guest);
    const status = await machine.status();
    if (way === 'protected' && status?.primary) {
      joins.push({
        pauseMs: status.lastJoin.pauseMs ?? 0,
        totalMs: status.lastJoin.totalMs ?? 0,
      });
      delays.push({
        mean: status.primary.commitDelayMsMean,
        max: status.primary.commitDelayMsMax,
        lag,
        idleLog: (status.log.bytesTotal - logBefore) / (idleSeconds + 1),
        idleBackup: idle.backup,
      });
    }
  } finally {
    await machine.end();
    await rm(dir, { recursive: true, force: true });
  }
}

async function measureNetwork(way: Way, taken: Taken): Promise<void> {
  const network = await NetworkBench.start(way);
  try {
    for (const work of networkWork) {
      const { name } = work;
      const before = await network.logBytes();
      const startedAtMs = performance.now();
      take(taken, name, way, await network.measure(work));
      const rate = ((await network.logBytes()) - before) / (performance.now() - startedAtMs);
      const rates = taken.logRates.get(name) ?? [];
      if (way === 'protected') taken.logRates.set(name, [...rates, rate * 1000]);
    }
  } finally {
    await network.end();
  }
}

function reportOf({ samples, logRates, joins, delays }: Taken, repetitions: number): BenchReport {
  const rows = [...samples].map(([name, row]): BenchRow => {
    const [plain, alone, guarded] = [median(row.plain), median(row.alone), median(row.protected)];
    return {
      name,
      unit: unitOf(name),
      plain: round(plain),
      alone: round(alone),
      protected: round(guarded),
      ratio: round(isRate(unitOf(name)) ? guarded / plain : plain / guarded),
      logBytesPerSecond: Math.round(median(logRates.get(name) ?? [0])),
    };
  });
  return {
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryMiB: Math.round(totalmem() / 2 ** 20),
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
    },
    repetitions,
    rows,
    protection:
      joins.length === 0
        ? null
        : {
            joinPauseMs: round(median(joins.map(({ pauseMs }) => pauseMs))),
            joinMs: round(median(joins.map(({ totalMs }) => totalMs))),
            commitDelayMsMean: round(median(delays.map(({ mean }) => mean))),
            commitDelayMsMax: round(Math.max(...delays.map(({ max }) => max))),
            lagMsMax: round(Math.max(...delays.map(({ lag }) => lag))),
            idleLogBytesPerSecond: Math.round(median(delays.map(({ idleLog }) => idleLog))),
            idleBackupCpuPercent: round(median(delays.map(({ idleBackup }) => idleBackup))),
          },
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
function unitOf(name: string): string {
  if (name === 'idle CPU') return '% of a core';
  return networkWork.find((work) => work.name === name)?.unit ?? 'ms';
}
/** More of it is better. */
function isRate(unit: string): boolean {
  return unit.endsWith('/s');
}
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
