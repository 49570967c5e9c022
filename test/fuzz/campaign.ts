import { getHeapStatistics } from 'node:v8';
import { FtvmError } from '../../src/errors.js';
import { Prng } from '../../src/sim/prng.js';
import type { FuzzTarget } from './target.js';
import { Watchdog } from './watchdog.js';

export interface FuzzOptions {
  readonly targets: readonly FuzzTarget[];
  /** In all; each target takes its share, and at least one. */
  readonly cases: number;
  readonly seed: number;
  /** The one case of every target to run, instead of all. */
  readonly only?: number;
}

export interface FuzzReport {
  readonly name: string;
  readonly cases: number;
  readonly taken: number;
  readonly refused: number;
  readonly seconds: number;
  /** Each with the command that repeats it; a target ends at its third. */
  readonly findings: readonly string[];
}

const findingsMax = 3;
/** What one case may leave behind: far above any sample, far below what a length field can claim. */
const growthBytesMax = 64 * 2 ** 20;

/** Runs every target in turn. A case is a function of seed, target and number. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport[]> {
  const { targets, seed } = options;
  const lines = targets.map(
    ({ name }) => `npm run fuzz -- --target ${name} --seed ${seed} --case `,
  );
  const watchdog = new Watchdog(lines);
  const shares = targets.reduce((sum, { share }) => sum + share, 0);
  const reports: FuzzReport[] = [];
  for (const [place, target] of targets.entries()) {
    const count = Math.max(1, Math.ceil((options.cases * target.share) / shares));
    const numbers =
      options.only === undefined ? Array.from({ length: count }, (_, i) => i) : [options.only];
    const watch = (number: number): void => watchdog.watch(place, number);
    reports.push(await fuzzTarget(target, numbers, seed, lines[place] ?? '', watch));
  }
  await watchdog.end();
  return reports;
}

async function fuzzTarget(
  target: FuzzTarget,
  numbers: readonly number[],
  seed: number,
  line: string,
  watch: (number: number) => void,
): Promise<FuzzReport> {
  const counts = { taken: 0, refused: 0 };
  const findings: string[] = [];
  const startedAtMs = performance.now();
  let cases = 0;
  for (const number of numbers) {
    watch(number);
    cases += 1;
    const before = memoryBytes();
    try {
      const outcome = target.run(new Prng(seed, `${target.name} ${number}`));
      // A turn of the event loop for each case that has no use for it would cost most of the time.
      counts[typeof outcome === 'string' ? outcome : await outcome] += 1;
    } catch (error) {
      if (error instanceof FtvmError) counts.refused += 1;
      else findings.push(`${line}${number}: ${wordsOf(error)}`);
    }
    const growth = memoryBytes() - before;
    if (growth > (target.growthBytesMax ?? growthBytesMax)) {
      findings.push(`${line}${number}: it took ${Math.round(growth / 2 ** 20)} MiB of memory`);
    }
    if (findings.length >= findingsMax) break;
  }
  await target.close?.();
  const seconds = Math.round((performance.now() - startedAtMs) / 100) / 10;
  return { name: target.name, cases, ...counts, seconds, findings };
}

/** Of objects and of buffers, those without a reader included until they are collected. */
function memoryBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error.stack ?? error.message).split('\n').slice(0, 4).join(' | ');
}
