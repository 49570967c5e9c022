import type { FaultKind } from './fault.js';

/** A round in which something that must be true was not. */
export interface FailedRound {
  readonly seed: number;
  readonly fault: FaultKind;
  /** Directory with its history and what each process said. */
  readonly evidence: string;
  readonly violations: readonly string[];
}

/** What `ftvm chaos --json` prints. */
export interface ChaosReport {
  readonly rounds: number;
  readonly failovers: number;
  readonly operations: number;
  readonly acknowledgedWrites: number;
  readonly lostAcknowledged: number;
  readonly linearizable: boolean;
  /** TCP connections to the guest that broke and not because their switch was killed. */
  readonly connectionResets: number;
  /** Those that did break because of that: they end at the switch, not at the guest. */
  readonly switchDisconnects: number;
  /** The longest silence of each failover, except while we kept the storage away. */
  readonly gapMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly divergences: number;
  readonly faults: Readonly<Partial<Record<FaultKind, FaultRow>>>;
  readonly failed: readonly FailedRound[];
}
export interface FaultRow {
  readonly rounds: number;
  readonly failovers: number;
  readonly gapMsMax: number;
}

/** What a round adds to the report. */
export interface RoundRow {
  readonly kind: FaultKind;
  readonly failovers: number;
  readonly operations: number;
  readonly acknowledgedWrites: number;
  readonly lost: number;
  readonly isLinearizable: boolean;
  readonly gapMs: number;
  readonly isGapOurs: boolean;
  readonly resets: number;
  readonly switchDisconnects: number;
  readonly divergences: number;
}

export function reportOf(rows: readonly RoundRow[], failed: readonly FailedRound[]): ChaosReport {
  const sum = (of: (row: RoundRow) => number): number =>
    rows.reduce((total, row) => total + of(row), 0);
  const gaps = rows
    .filter(({ failovers, isGapOurs }) => failovers > 0 && !isGapOurs)
    .map(({ gapMs }) => gapMs)
    .sort((a, b) => a - b);
  const faults: Partial<Record<FaultKind, FaultRow>> = {};
  for (const { kind, failovers, gapMs } of rows) {
    const before = faults[kind] ?? { rounds: 0, failovers: 0, gapMsMax: 0 };
    faults[kind] = {
      rounds: before.rounds + 1,
      failovers: before.failovers + failovers,
      gapMsMax: Math.max(before.gapMsMax, round1(gapMs)),
    };
  }
  return {
    rounds: rows.length,
    failovers: sum(({ failovers }) => failovers),
    operations: sum(({ operations }) => operations),
    acknowledgedWrites: sum(({ acknowledgedWrites }) => acknowledgedWrites),
    lostAcknowledged: sum(({ lost }) => lost),
    linearizable: rows.every(({ isLinearizable }) => isLinearizable),
    connectionResets: sum(({ resets }) => resets),
    switchDisconnects: sum(({ switchDisconnects }) => switchDisconnects),
    gapMs: { p50: part(gaps, 0.5), p99: part(gaps, 0.99), max: part(gaps, 1) },
    divergences: sum(({ divergences }) => divergences),
    faults,
    failed,
  };
}

/** Nearest rank; 0 of nothing. */
function part(sorted: readonly number[], fraction: number): number {
  const rank = Math.max(1, Math.ceil(sorted.length * fraction));
  return round1(sorted[rank - 1] ?? 0);
}
function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
