import type { BenchReport, WaitRow, Yardstick } from '../bench/bench-report.js';

/** The report for people. */
export function benchTable(report: BenchReport): string {
  const { machine, rows, protection, failover, yardstick, repetitions } = report;
  const where = `${machine['cpu']}, ${machine['cores']} cores, Node ${machine['node']}, load ${machine['loadBefore']} before; medians of ${repetitions}`;
  const lines = [where, ...warningOf(machine['stolenPercent'])];
  if (rows.length > 0) lines.push('', ...rowsOf(report));
  if (protection) {
    const facts = Object.entries(protection).filter(([, value]) => value !== null);
    lines.push('', ...facts.map(([name, value]) => `  ${name} ${value}`));
  }
  if (failover.length > 0) lines.push('', ...waitsOf(failover));
  if (yardstick) lines.push('', ...yardstickOf(yardstick));
  return `${lines.join('\n')}\n`;
}

/** A machine that is itself a guest may have been slow for reasons of its host. */
function warningOf(stolenPercent: string | number | undefined): string[] {
  if (typeof stolenPercent !== 'number' || stolenPercent < stolenPercentMax) return [];
  return [
    `CAUTION: the host of this machine gave ${stolenPercent} % of its processors' time to others; measure again when it is quiet`,
  ];
}
const stolenPercentMax = 2;

function rowsOf({ rows }: BenchReport): string[] {
  const cells = rows.map((row) => [
    row.name,
    `${row.plain} ${row.unit}`,
    String(row.alone),
    String(row.protected),
    row.ratio.toFixed(2),
    row.logBytesPerSecond > 0 ? `${Math.round(row.logBytesPerSecond / 1000)} kB/s` : '',
  ]);
  return [
    ...columns(['', 'plain v86', 'alone', 'protected', 'ratio', 'log'], cells),
    'ratio: protected speed over plain speed; above 1 is faster than plain v86',
  ];
}

function waitsOf(rows: readonly WaitRow[]): string[] {
  const cells = rows.map(({ name, count, p50, p90, max }) => [
    name,
    ...[count, p50, p90, max].map(String),
  ]);
  return columns(['', 'times', 'p50 ms', 'p90 ms', 'max ms'], cells);
}

function yardstickOf({ version, rows }: Yardstick): string[] {
  const cells = rows.map((row) => [
    row.name,
    ...[row.qemu, row.qemuRecording, row.qemuReplaying].map(String),
    ...[row.plain, row.alone, row.protected, row.recording, row.replaying].map(String),
  ]);
  const ours = ['plain v86', 'alone', 'protected', 'recording', 'replaying'];
  return [`seconds; ${version}`, ...columns(['', 'QEMU', 'QEMU rec', 'QEMU rep', ...ours], cells)];
}

/** The first column to the left, the rest to the right. */
function columns(head: readonly string[], cells: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)),
  );
  return [head, ...cells].map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
