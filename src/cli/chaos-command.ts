import { InvalidArgumentError, Option, type Command } from 'commander';
import { ChaosCampaign } from '../chaos/chaos-campaign.js';
import type { ChaosReport } from '../chaos/chaos-report.js';
import { faultKinds, faultWords, type FaultKind } from '../chaos/fault.js';
import type { CommitRule } from '../role/redundancy.js';
import { exitStatus } from './exit-status.js';
import { nameList, wholeNumber } from './option-parsers.js';
import { onSignals } from './signals.js';

interface ChaosArguments {
  readonly rounds: number;
  readonly seed: number;
  readonly clients: number;
  readonly backups: number;
  readonly commit: CommitRule;
  readonly faults?: readonly FaultKind[];
  readonly json?: true;
}

/** `ftvm chaos`: faults against real processes, and clients that check every answer. */
export function addChaosCommand(program: Command): void {
  program
    .command('chaos')
    .description('faults against real processes, and clients that check every answer')
    .option('--rounds <n>', 'one fault each', wholeNumber(1, 1e6), 20)
    .option(
      '--seed <s>',
      'of the first round; the next round has the next',
      wholeNumber(0, 2 ** 31),
      1,
    )
    .option('--clients <n>', 'connections at work at once', wholeNumber(1, 32), 4)
    .option('--backups <n>', 'how many the VM has', wholeNumber(1, 4), 1)
    .addOption(
      new Option('--commit <rule>', 'as in ftvm run').choices(['all', 'quorum']).default('all'),
    )
    .option('--faults <names>', 'only these, with commas between; see below', faultList)
    .option('--json', 'one JSON object on stdout')
    .addHelpText(
      'after',
      `
Each round does one thing to a switch, a primary and a backup that run here, while clients read, set
and count in the guest's redis; then every answer is judged. Exit status 6: something that must be
true was not; what was seen is kept in a directory that is named.

Faults: ${wrapped(faultKinds)}

Examples:
  $ ftvm chaos --rounds 200                     # half an hour
  $ ftvm chaos --rounds 1 --seed 17             # the round that failed
  $ ftvm chaos --rounds 50 --backups 2
  $ ftvm chaos --rounds 5 --faults zombiePrimary,channelCut`,
    )
    .action(async (parsed: ChaosArguments) => {
      process.exitCode = await chaos(parsed);
    });
}

async function chaos(parsed: ChaosArguments): Promise<number> {
  const startedAtMs = performance.now();
  const { rounds, seed, clients, backups, commit, faults: kinds = [] } = parsed;
  const campaign = new ChaosCampaign({ rounds, seed, clients, backups, commit, kinds }, (line) => {
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1).padStart(7);
    process.stderr.write(`${seconds} s  ${line}\n`);
  });
  let isInterrupted = false;
  const ignoreSignals = onSignals(() => {
    isInterrupted = true;
    campaign.cancel();
  });
  try {
    const report = await campaign.run();
    process.stdout.write(parsed.json ? `${JSON.stringify(report)}\n` : table(report));
    return report.failed.length === 0 ? exitStatus.done : exitStatus.checkFailed;
  } catch (error) {
    if (isInterrupted) return exitStatus.interrupted;
    throw error;
  } finally {
    ignoreSignals();
    await campaign.cleanUp();
  }
}

function faultList(text: string): readonly FaultKind[] {
  return nameList(text).map((name) => {
    const kind = faultKinds.find((known) => known === name);
    if (!kind) throw new InvalidArgumentError(`There is ${faultKinds.join(', ')}.`);
    return kind;
  });
}

/** Names on lines of a terminal's width. */
function wrapped(names: readonly string[]): string {
  return names.join(', ').replace(/(.{1,80}),( |$)/g, '$1,\n        ');
}

function table(report: ChaosReport): string {
  const { gapMs, failed } = report;
  const rows = faultKinds.flatMap((kind) => {
    const row = report.faults[kind];
    if (!row) return [];
    const { rounds, failovers, gapMsMax } = row;
    const counts = [rounds, failovers, gapMsMax.toFixed(0)].map((n) => String(n).padStart(9));
    return `${counts.join('')} ms  ${faultWords[kind]}\n`;
  });
  const facts = [
    `${report.rounds} rounds, ${report.failovers} failovers`,
    `${report.acknowledgedWrites} writes acknowledged, ${report.lostAcknowledged} lost`,
    report.linearizable ? 'linearizable' : 'NOT linearizable',
    `${report.connectionResets} connections reset`,
    `${report.divergences} divergences`,
  ].join(', ');
  return [
    '   rounds failovers  silence\n',
    ...rows,
    `silence at a failover: ${gapMs.p50} ms (p50), ${gapMs.p99} ms (p99), ${gapMs.max} ms (max)\n`,
    ...failed.map(({ seed, evidence }) => `FAILED ${`seed ${seed}, see ${evidence}`}\n`),
    `${failed.length === 0 ? 'OK' : 'FAILED'}  ${facts}\n`,
  ].join('');
}
