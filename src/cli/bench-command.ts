import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { bench } from '../bench/bench.js';
import { chartOf } from '../bench/bench-chart.js';
import { benchParts, type BenchPart } from '../bench/bench-part.js';
import type { BenchReport } from '../bench/bench-report.js';
import { GuestProcess } from '../bench/guest-process.js';
import { FtvmError } from '../errors.js';
import { benchTable } from './bench-table.js';
import { exitStatus } from './exit-status.js';
import { nameList, wholeNumber } from './option-parsers.js';
import { untilStopped } from './signals.js';

interface Options {
  readonly repetitions: number;
  readonly idle: number;
  readonly only?: readonly BenchPart[];
  readonly qemu?: true;
  readonly json?: true;
  readonly svg?: string;
  readonly from?: string;
}

/** A file of a report cannot be read or written. */
class BenchFileError extends FtvmError {
  readonly code = 'FTVM_BENCH_FILE';
  readonly remedy = 'Name a file where this user may write; for --from, one that --json made.';
}

export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description('the same work on plain v86, on ftvm alone, and protected, in one run')
    .option('--repetitions <n>', 'of everything; medians are reported', wholeNumber(1, 100), 3)
    .option(
      '--idle <seconds>',
      'how long an idle guest is watched, after twice as long of rest',
      wholeNumber(1, 600),
      5,
    )
    .option('--only <parts>', `of ${benchParts.join(', ')}: a list`, partList)
    .option('--qemu', "also QEMU's record and replay of the same commands (2 minutes each time)")
    .option('--svg <file>', 'draw the ratios there')
    .option('--from <file>', 'measure nothing: show this report, saved with --json')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      `
Examples, of about three minutes, half a minute, and no time:
  $ ftvm bench --repetitions 1
  $ ftvm bench --repetitions 1 --only failover
  $ ftvm bench --from bench.json --svg bench.svg`,
    )
    .action(async (parsed: Options) => {
      process.exitCode = await runBench(parsed);
    });
}

async function runBench(parsed: Options): Promise<number> {
  // Minutes of measuring are not for a picture that cannot be drawn.
  if (parsed.svg !== undefined) await write(parsed.svg, '');
  const report = parsed.from === undefined ? await measure(parsed) : await saved(parsed.from);
  if (report === null) return exitStatus.interrupted;
  process.stdout.write(parsed.json ? `${JSON.stringify(report)}\n` : benchTable(report));
  if (parsed.svg !== undefined) await write(parsed.svg, chartOf(report));
  const isWhole = parsed.from !== undefined || report.repetitions === parsed.repetitions;
  return isWhole ? exitStatus.done : exitStatus.checkFailed;
}

/** Null if it was interrupted. */
function measure(parsed: Options): Promise<BenchReport | null> {
  const { repetitions, idle, only, qemu } = parsed;
  const parts = benchParts.filter((part) =>
    part === 'qemu' ? (qemu ?? only?.includes(part)) : (only?.includes(part) ?? true),
  );
  const say = (line: string): void => void process.stderr.write(`ftvm: ${line}\n`);
  return untilStopped(async (stop) => {
    const root = await mkdtemp(join(tmpdir(), 'ftvm-bench-'));
    stop.addEventListener('abort', () => GuestProcess.killAll());
    try {
      const report = await bench({ repetitions, idleSeconds: idle, parts, root }, say);
      return stop.aborted ? null : report;
    } catch (error) {
      if (stop.aborted) return null;
      throw error;
    } finally {
      GuestProcess.killAll();
      await rm(root, { recursive: true, force: true });
    }
  });
}

async function saved(path: string): Promise<BenchReport> {
  let report: Partial<BenchReport> | null;
  try {
    report = JSON.parse(await readFile(path, 'utf8')) as Partial<BenchReport> | null;
  } catch (cause) {
    throw new BenchFileError(`Cannot read a report from ${path}`, { cause });
  }
  const isReport = Array.isArray(report?.rows) && Array.isArray(report.failover);
  if (!isReport) throw new BenchFileError(`${path} is not a report of this release`);
  return report as BenchReport;
}

/** An empty text only asks whether it can be written, and leaves a picture that is there. */
async function write(path: string, text: string): Promise<void> {
  try {
    await (text === '' ? appendFile(path, text) : writeFile(path, text));
  } catch (cause) {
    throw new BenchFileError(`Cannot write ${path}`, { cause });
  }
}

function partList(text: string): readonly BenchPart[] {
  const names = nameList(text);
  const parts = benchParts.filter((part) => names.includes(part));
  if (parts.length === 0 || parts.length !== new Set(names).size) {
    throw new InvalidArgumentError(`It is a list of ${benchParts.join(', ')}.`);
  }
  return parts;
}
