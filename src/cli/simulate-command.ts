import { Option, type Command } from 'commander';
import { runCampaign, type Campaign, type CampaignTotals } from '../sim/campaign.js';
import { rollPlan, whyImpossible, type ForcedPlan } from '../sim/roll-plan.js';
import { shrink } from '../sim/shrink.js';
import type { RunReport } from '../sim/simulation.js';
import { ftvmVersion } from './build-info.js';
import { exitStatus } from './exit-status.js';
import { wholeNumber } from './option-parsers.js';
import { UsageError } from './usage-error.js';

interface SimulateArguments extends Omit<ForcedPlan, 'disks'> {
  readonly disks?: keyof typeof kindsOfDisks;
  readonly seeds: number;
  readonly seed?: number;
  readonly minutes?: number;
  readonly shrink?: true;
  readonly json?: true;
}

/** `ftvm simulate`: whole clusters over seeded hosts, and judges that know the truth. */
export function addSimulateCommand(program: Command): void {
  program
    .command('simulate')
    .description('run the protocol in simulated clusters and check what must be true')
    .option('--seeds <n>', 'how many worlds to run', wholeNumber(1, 1e9), 1000)
    .option('--seed <s>', 'run this world; with --seeds, start from it', wholeNumber(0, 2 ** 52))
    .option('--minutes <m>', 'stop after that time', wholeNumber(1, 1e6))
    .option('--hosts <n>', 'so many hosts in each world', wholeNumber(1, 8))
    .addOption(
      new Option('--disks <kind>', 'as in ftvm run, --disk-mode and --backup-reads').choices(
        Object.keys(kindsOfDisks),
      ),
    )
    .addOption(new Option('--journal <how>', 'as in ftvm run').choices(['none', 'async', 'sync']))
    .addOption(new Option('--commit <rule>', 'as in ftvm run').choices(['all', 'quorum']))
    .option('--shrink', 'find the fewest faults that make a failing world fail')
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      `
Each seed is a world: hosts, clocks, network, shared disk, clients, and its own faults. The same seed
of the same build is the same run. What is forced on all worlds is not left to the dice; the rest of
a world is as without. Exit status 6: something that must be true was not.

Example:
  $ ftvm simulate --seeds 10000
  $ ftvm simulate --seed 4711 --shrink
  $ ftvm simulate --seeds 2000 --hosts 4 --commit quorum`,
    )
    .action(async (options: SimulateArguments, command: Command) => {
      const isOne = options.seed !== undefined && command.getOptionValueSource('seeds') !== 'cli';
      const forced = forcedBy(options);
      const why = whyImpossible(forced);
      if (why !== null) throw new UsageError(`There are no such worlds: ${why}`, 'Force less.');
      const seeds = range(options.seed ?? 1, isOne ? 1 : options.seeds);
      const campaign = await run(seeds, forced, options.minutes);
      if (options.json) process.stdout.write(`${JSON.stringify(jsonOf(campaign))}\n`);
      else tell(campaign, { isOne, forced });
      for (const { seed } of options.shrink ? campaign.failed : []) await tellShrunk(seed, forced);
      if (campaign.failed.length > 0) process.exitCode = exitStatus.checkFailed;
    });
}

const kindsOfDisks = {
  shared: 'shared',
  'backup-reads': 'backupReads',
  replicated: 'replicated',
} as const;

function forcedBy({ hosts, disks, journal, commit }: SimulateArguments): ForcedPlan {
  return {
    ...(hosts !== undefined && { hosts }),
    ...(disks && { disks: kindsOfDisks[disks] }),
    ...(journal && { journal }),
    ...(commit && { commit }),
  };
}

/** As they were given, each behind a space. */
function optionsOf({ hosts, disks, journal, commit }: ForcedPlan): string {
  const [kind] = Object.entries(kindsOfDisks).find(([, each]) => each === disks) ?? [];
  const all = Object.entries({ hosts, disks: kind, journal, commit });
  return all.map(([name, value]) => (value === undefined ? '' : ` --${name} ${value}`)).join('');
}

async function run(
  seeds: Iterable<number>,
  forced: ForcedPlan,
  minutes?: number,
): Promise<Campaign> {
  const startedAtMs = performance.now();
  let toldAtMs = startedAtMs;
  const campaign = await runCampaign(seeds, {
    planOf: (seed) => rollPlan(seed, forced),
    goOn: (totals, failed) => {
      const nowMs = performance.now();
      if (process.stderr.isTTY && nowMs - toldAtMs >= 1000) {
        toldAtMs = nowMs;
        process.stderr.write(`\r${progressOf(totals, failed.length, nowMs - startedAtMs)}\x1b[K`);
      }
      const isLate = minutes !== undefined && nowMs - startedAtMs >= minutes * 60_000;
      return !isLate && failed.length < failuresMax;
    },
  });
  if (toldAtMs > startedAtMs) process.stderr.write('\r\x1b[K');
  return campaign;
}

// Enough to see whether they are one cause or many.
const failuresMax = 10;

function* range(first: number, count: number): Generator<number> {
  for (let seed = first; seed < first + count; seed += 1) yield seed;
}

function progressOf(totals: CampaignTotals, failed: number, elapsedMs: number): string {
  const perMinute = Math.round((totals.seeds / elapsedMs) * 60_000);
  return `${totals.seeds} seeds, ${totals.failovers} failovers, ${failed} failed, ${perMinute} seeds a minute`;
}

function tell(
  { totals, failed }: Campaign,
  { isOne, forced }: { readonly isOne: boolean; readonly forced: ForcedPlan },
): void {
  for (const report of failed) process.stdout.write(`${failureOf(report, forced)}\n`);
  const { seeds, failovers, rejoins, faults, acknowledged, digestsCompared, simulatedMs, ticks } =
    totals;
  const hours = (simulatedMs / 3_600_000).toFixed(2);
  const verdict = failed.length === 0 ? 'nothing violated' : `${failed.length} seeds failed`;
  process.stdout.write(
    `${isOne ? 'one seed' : `${seeds} seeds`}, ${hours} simulated hours, ${ticks} ticks, ${faults} faults, ${failovers} failovers,\n` +
      `${rejoins} backups joined again from the log, ${acknowledged} acknowledged increments, ${digestsCompared} digests compared: ${verdict}\n`,
  );
}

/** The first line repeats the run. */
function failureOf({ seed, violations, lines }: RunReport, forced: ForcedPlan): string {
  const what = violations.map((each) => `  ${each.invariant}: ${each.who} ${each.what}`);
  const head = `ftvm simulate --seed ${seed}${optionsOf(forced)}   # ftvm ${ftvmVersion} violated ${violations[0]?.invariant ?? ''}`;
  return [head, ...what, ...lines.slice(-linesShown).map((line) => `  | ${line}`)].join('\n');
}

const linesShown = 30;

async function tellShrunk(seed: number, forced: ForcedPlan): Promise<void> {
  const { plan, report } = await shrink(rollPlan(seed, forced), (faults) => {
    if (process.stderr.isTTY) process.stderr.write(`\rseed ${seed}: ${faults} faults left\x1b[K`);
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  process.stderr.write(`seed ${seed} still fails with:\n${JSON.stringify(plan, null, 2)}\n`);
  process.stderr.write(`${failureOf(report, forced)}\n`);
}

function jsonOf({ totals, failed }: Campaign): Record<string, unknown> {
  return {
    ...totals,
    violations: failed.flatMap(({ seed, violations }) =>
      violations.map((violation) => ({ seed, ...violation })),
    ),
  };
}
