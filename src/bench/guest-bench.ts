import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchOptions } from './bench.js';
import type { BenchPart } from './bench-part.js';
import type { BenchSamples } from './bench-report.js';
import { BenchGuest, type Way } from './guest-trio.js';

/** Work for the guest's shell; each is long beside a console round trip. */
const work: readonly {
  readonly part: BenchPart;
  readonly name: string;
  readonly command: string;
}[] = [
  {
    part: 'cpu',
    name: 'shell loop, 20k turns',
    command: 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done',
  },
  {
    part: 'cpu',
    name: 'md5sum, 32 MiB',
    command: 'dd if=/dev/zero bs=1M count=32 2>/dev/null | md5sum',
  },
  {
    part: 'cpu',
    name: 'gzip, busybox twice',
    command: 'gzip -c /bin/busybox /bin/busybox >/dev/null',
  },
  {
    part: 'cpu',
    name: 'dd, 100k blocks',
    command: 'dd if=/dev/zero of=/dev/null bs=512 count=100000 2>/dev/null',
  },
  {
    part: 'cpu',
    name: 'fork and exec, 100',
    command: 'i=0; while [ $i -lt 100 ]; do /bin/busybox true; i=$((i+1)); done',
  },
  {
    part: 'cpu',
    name: 'sqlite, 5k inserts',
    command:
      '(echo "create table t(a,b); begin;"; i=0; while [ $i -lt 5000 ]; do echo "insert into t values($i,$i);"; i=$((i+1)); done; echo "commit;") | sqlite3 /tmp/b.db; rm /tmp/b.db',
  },
  {
    part: 'disk',
    name: 'disk write, 8 MiB synced',
    command: 'dd if=/dev/zero of=/root/w bs=64k count=128 conv=fsync 2>/dev/null',
  },
  {
    part: 'disk',
    name: 'disk read, 8 MiB cold',
    command: 'echo 3 >/proc/sys/vm/drop_caches; dd if=/root/w of=/dev/null bs=64k 2>/dev/null',
  },
  { part: 'disk', name: 'fsync, 50 records', command: 'fsyncer /root/f 50 >/dev/null' },
];

// Compilers are at work for two passes, on cores that two replicas share; a service runs for longer.
const passesBefore = 3;

/** Boots a guest one of the three ways and lets it do the work of `parts`. */
export async function measureGuest(
  way: Way,
  { parts, idleSeconds, root }: Omit<BenchOptions, 'repetitions'>,
  samples: BenchSamples,
): Promise<void> {
  const dir = await mkdtemp(join(root, 'guest-'));
  const machine = await BenchGuest.boot(way, dir);
  if (parts.includes('cpu')) {
    // Plain v86 has no such snapshots: it boots.
    const warmMs = way === 'plain' ? machine.bootMs : await BenchGuest.warmBootMs(dir);
    samples.take('cpu', 'first start from a boot snapshot', 'ms', way, warmMs);
  }
  await measureMachine(machine, parts, idleSeconds, samples);
  await machine.end();
  await rm(dir, { recursive: true, force: true });
}

async function measureMachine(
  machine: BenchGuest,
  parts: readonly BenchPart[],
  idleSeconds: number,
  samples: BenchSamples,
): Promise<void> {
  const { way } = machine;
  samples.take('cpu', 'boot to prompt', 'ms', way, machine.bootMs);
  let lagMsMax = 0;
  // As a service that has run for a while: what is new to the guest is new to two compilers as well.
  const isWanted = ({ part }: (typeof work)[number]): boolean => parts.includes(part);
  for (let pass = 0; pass < passesBefore; pass++) {
    for (const { part, name, command } of work.filter(isWanted)) {
      if (part !== 'cpu') continue;
      const tookMs = await machine.guest.time(command);
      if (pass === 0) samples.take(part, `${name}, first time`, 'ms', way, tookMs);
    }
  }
  for (const { part, name, command } of work.filter(isWanted)) {
    const before = await machine.logBytes();
    const tookMs = await machine.guest.time(command);
    samples.take(part, name, 'ms', way, tookMs);
    const after = await machine.status();
    if (way !== 'protected' || !after) continue;
    samples.takeLogRate(name, ((after.log.bytesTotal - before) * 1000) / tookMs);
    lagMsMax = Math.max(lagMsMax, ...after.backups.map(({ lagMs }) => lagMs));
  }
  const idle = parts.includes('cpu') ? await machine.idle(idleSeconds) : null;
  if (idle) samples.take('cpu', 'idle CPU', '% of a core', way, idle.guest);
  const status = await machine.status();
  if (way !== 'protected' || !status?.primary) return;
  const { commitDelayMsMean, commitDelayMsMax } = status.primary;
  samples.takeProtection({
    commitDelayMsMean,
    commitDelayMsMax,
    lagMsMax,
    idleLogBytesPerSecond: idle?.logRate ?? null,
    idleBackupCpuPercent: idle?.backup ?? null,
  });
}
