import { Option, type Command } from 'commander';
import { bench, benchParts, type BenchPart, type BenchReport } from '../bench/bench.js';
import { wholeNumber } from './option-parsers.js';

interface Options {
  readonly repetitions: number;
  readonly idle: number;
  readonly only?: BenchPart;
  readonly json?: true;
}

export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description('the same work on plain v86, on ftvm alone, and protected, in one run')
    .option('--repetitions <n>', 'of everything; medians are reported', wholeNumber(1, 100), 3)
    .option('--idle <seconds>', 'how long an idle guest is watched', wholeNumber(1, 600), 5)
    .addOption(
      new Option('--only <part>', "the guest's own work, or what its clients see").choices(
        benchParts,
      ),
    )
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      `
Examples, about two minutes and one:
  $ ftvm bench --repetitions 1
  $ ftvm bench --repetitions 1 --only network`,
    )
    .action(async (parsed: Options) => {
      const { repetitions, idle, only, json } = parsed;
      const parts = only ? [only] : benchParts;
      const report = await bench({ repetitions, idleSeconds: idle, parts }, (line) => {
        process.stderr.write(`ftvm: ${line}\n`);
      });
      process.stdout.write(json ? `${JSON.stringify(report)}\n` : table(report));
    });
}

function table({ machine, rows, protection, repetitions }: BenchReport): string {
  const cells = rows.map((row) => [
    row.name,
    `${row.plain} ${row.unit}`,
    String(row.alone),
    String(row.protected),
    row.ratio.toFixed(2),
    row.logBytesPerSecond > 0 ? `${Math.round(row.logBytesPerSecond / 1000)} kB/s` : '',
  ]);
  const head = ['', 'plain v86', 'alone', 'protected', 'ratio', 'log'];
  const widths = head.map((title, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ');
  const facts = Object.entries(protection ?? {}).map(([name, value]) => `  ${name} ${value}`);
  return [
    `${String(machine.cpu)}, ${machine.cores} cores, Node ${machine.node}; medians of ${repetitions}`,
    line(head),
    ...cells.map(line),
    'ratio: protected speed over plain speed; above 1 is faster than plain v86',
    ...facts,
    '',
  ].join('\n');
}
