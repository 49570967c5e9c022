import { cpus, loadavg, totalmem } from 'node:os';
import type { BenchPart } from './bench-part.js';
import type { Way } from './guest-trio.js';
import { StolenTime } from './stolen-time.js';

/**
 * One line of the report: the same work on plain v86, on ftvm alone, and with a backup in sync.
 * `ratio` is protected speed over plain speed, so above 1 is better than plain whatever the unit.
 */
export interface BenchRow {
  readonly part: BenchPart;
  readonly name: string;
  readonly unit: string;
  readonly plain: number;
  readonly alone: number;
  readonly protected: number;
  readonly ratio: number;
  /** Log sent while the protected guest did it. */
  readonly logBytesPerSecond: number;
}

/** A wait, each time it happened. */
export interface WaitRow {
  readonly name: string;
  readonly unit: 'ms';
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly max: number;
}

/** The same commands under QEMU, plain and with its record and replay, and here; seconds. */
export interface YardstickRow {
  readonly name: string;
  readonly unit: 's';
  readonly qemu: number;
  readonly qemuRecording: number;
  readonly qemuReplaying: number;
  readonly plain: number;
  readonly alone: number;
  readonly protected: number;
  readonly recording: number;
  readonly replaying: number;
}
export interface Yardstick {
  readonly version: string;
  readonly rows: readonly YardstickRow[];
}

export interface BenchReport {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly repetitions: number;
  readonly rows: readonly BenchRow[];
  /** Seen on the protected guest during its own work; null if that was not measured. */
  readonly protection: null | {
    readonly commitDelayMsMean: number;
    readonly commitDelayMsMax: number;
    readonly lagMsMax: number;
    readonly idleLogBytesPerSecond: number | null;
    readonly idleBackupCpuPercent: number | null;
  };
  /** Empty if that was not measured. */
  readonly failover: readonly WaitRow[];
  readonly yardstick: Yardstick | null;
}

/** What a protected guest showed while it worked. */
export interface ProtectionSample {
  readonly commitDelayMsMean: number;
  readonly commitDelayMsMax: number;
  readonly lagMsMax: number;
  readonly idleLogBytesPerSecond: number | null;
  readonly idleBackupCpuPercent: number | null;
}

interface Row {
  readonly part: BenchPart;
  readonly unit: string;
  readonly values: Record<Way, number[]>;
  readonly logRates: number[];
}

/** What was measured so far. */
export class BenchSamples {
  readonly #rows = new Map<string, Row>();
  readonly #waits = new Map<string, number[]>();
  readonly #protection: ProtectionSample[] = [];
  /** What else the host was at: above 1 or so, times say little. */
  readonly #loadBefore = round(loadavg()[0] ?? 0);
  readonly #stolen = new StolenTime();
  yardstick: Yardstick | null = null;

  take(part: BenchPart, name: string, unit: string, way: Way, value: number): void {
    this.#row(part, name, unit).values[way].push(value);
  }
  takeLogRate(name: string, bytesPerSecond: number): void {
    this.#rows.get(name)?.logRates.push(bytesPerSecond);
  }
  takeWait(name: string, ms: number): void {
    this.#waits.set(name, [...(this.#waits.get(name) ?? []), ms]);
  }
  takeProtection(sample: ProtectionSample): void {
    this.#protection.push(sample);
  }

  report(repetitions: number): BenchReport {
    const stolenPercent = this.#stolen.percent;
    return {
      machine: {
        cpu: cpus()[0]?.model ?? 'unknown',
        cores: cpus().length,
        memoryMiB: Math.round(totalmem() / 2 ** 20),
        node: process.versions.node,
        platform: `${process.platform} ${process.arch}`,
        loadBefore: this.#loadBefore,
        ...(stolenPercent !== null && { stolenPercent }),
      },
      repetitions,
      rows: [...this.#rows].map(([name, row]) => rowOf(name, row)),
      protection: this.#protection.length === 0 ? null : protectionOf(this.#protection),
      failover: [...this.#waits].map(([name, values]) => waitOf(name, values)),
      yardstick: this.yardstick,
    };
  }

  #row(part: BenchPart, name: string, unit: string): Row {
    const known = this.#rows.get(name);
    if (known) return known;
    const row = { part, unit, values: { plain: [], alone: [], protected: [] }, logRates: [] };
    this.#rows.set(name, row);
    return row;
  }
}

/** How `value` compares with `plain` in a unit of time, or of amounts in a time: above 1 is better. */
export function ratioOf(unit: string, value: number, plain: number): number {
  return round(unit.endsWith('/s') ? value / plain : plain / value);
}

export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function rowOf(name: string, { part, unit, values, logRates }: Row): BenchRow {
  const [plain, alone] = [median(values.plain), median(values.alone)];
  const guarded = median(values.protected);
  return {
    part,
    name,
    unit,
    plain: round(plain),
    alone: round(alone),
    protected: round(guarded),
    ratio: ratioOf(unit, guarded, plain),
    logBytesPerSecond: Math.round(median(logRates)),
  };
}

function waitOf(name: string, values: readonly number[]): WaitRow {
  const [p50, p90, max] = [0.5, 0.9, 1].map((part) => round(percentile(values, part)));
  return { name, unit: 'ms', count: values.length, p50: p50 ?? 0, p90: p90 ?? 0, max: max ?? 0 };
}

function protectionOf(samples: readonly ProtectionSample[]): BenchReport['protection'] {
  const each = (field: keyof ProtectionSample): number[] =>
    samples.flatMap((sample) => sample[field] ?? []);
  const medianOf = (field: keyof ProtectionSample): number | null =>
    each(field).length === 0 ? null : round(median(each(field)));
  return {
    commitDelayMsMean: medianOf('commitDelayMsMean') ?? 0,
    commitDelayMsMax: round(Math.max(...each('commitDelayMsMax'))),
    lagMsMax: round(Math.max(...each('lagMsMax'))),
    idleLogBytesPerSecond: medianOf('idleLogBytesPerSecond'),
    idleBackupCpuPercent: medianOf('idleBackupCpuPercent'),
  };
}
