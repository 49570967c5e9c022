import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { Demo } from './demo.js';
import type { DemoReport } from './demo-report.js';
import { exitStatus } from './exit-status.js';
import { wholeNumber } from './option-parsers.js';
import { onSignals } from './signals.js';

interface DemoArguments {
  readonly rounds: number;
  readonly seconds: number;
  readonly seed: number;
  readonly outputCommit: 'on' | 'off';
  readonly channelDelay?: number;
  readonly failureTimeout: number;
  readonly client?: 'redis' | 'console';
  readonly planned?: true;
  readonly json?: true;
}

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('the story end to end: boot, protect, kill -9, and a client that notices nothing')
    .option('--rounds <n>', 'kills; a new backup joins between them', wholeNumber(1, 10_000), 1)
    .option('--seconds <n>', 'work before each kill, about', wholeNumber(1, 3600), 2)
    .option('--seed <n>', 'when exactly each kill comes', wholeNumber(0, 2 ** 31), 1)
    .option('--failure-timeout <ms>', 'as in ftvm run', wholeNumber(50, 600_000), 500)
    .addOption(
      new Option('--output-commit <on|off>', 'off: see what the Output Rule prevents')
        .choices(['on', 'off'])
        .default('on'),
    )
    .option(
      '--channel-delay <ms>',
      'slow the log down (50 with the rule off)',
      wholeNumber(0, 10_000),
    )
    .addOption(
      new Option('--client <kind>', 'what is at work (console with the rule off)').choices([
        'redis',
        'console',
      ]),
    )
    .option('--planned', 'hand over to the backup, as ftvm failover does, instead of killing')
    .option('--json', 'the verdict as one JSON object on stdout')
    .addHelpText(
      'after',
      `
Exit status 0 only if nothing acknowledged was lost.

Examples:
  $ ftvm demo
  $ ftvm demo --rounds 20 --json
  $ ftvm demo --planned --rounds 5
  $ ftvm demo --output-commit off       # the classic anomaly: the counter goes back`,
    )
    .action(async (parsed: DemoArguments) => {
      process.exitCode = await demo(parsed);
    });
}

async function demo(parsed: DemoArguments): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'ftvm-demo-'));
  const startedAtMs = performance.now();
  const out = parsed.json ? process.stderr : process.stdout;
  const say = (line: string): void => {
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(2).padStart(6);
    out.write(`${seconds} s  ${line}\n`);
  };
  const outputCommit = parsed.outputCommit === 'on';
  const channelDelayMs = parsed.channelDelay ?? (outputCommit ? 0 : 50);
  // With the rule off a TCP connection would not go back in time with its guest; a console does.
  const client = parsed.client ?? (outputCommit ? 'redis' : 'console');
  const planned = parsed.planned ?? false;
  const options = { ...parsed, outputCommit, channelDelayMs, client, planned };
  const demo = new Demo(join(dir, 'vm'), options, say);
  let interrupted = false;
  const ignoreSignals = onSignals(() => {
    interrupted = true;
    demo.cancel();
  });
  try {
    const report = await demo.run();
    if (parsed.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else process.stdout.write(verdict(report, outputCommit, planned));
    return report.ok ? exitStatus.done : exitStatus.checkFailed;
  } catch (error) {
    if (interrupted) return exitStatus.interrupted;
    throw error;
  } finally {
    ignoreSignals();
    await demo.cleanUp();
    await rm(dir, { recursive: true, force: true });
  }
}

function verdict(report: DemoReport, outputCommit: boolean, planned: boolean): string {
  const { failover, guestRequests, lostAcknowledged, duplicated, rounds } = report;
  const kills = `${rounds} ${planned ? 'failover' : 'kill'}${rounds === 1 ? '' : 's'}`;
  const facts = [
    `${guestRequests} requests answered across ${kills}`,
    `${lostAcknowledged} acknowledged lost`,
    `${duplicated} applied twice`,
    `${report.connectionResets} connections reset`,
    `${report.digestsCompared} state digests compared, ${report.divergences} different`,
  ].join(', ');
  const timing =
    `detected in ${failover.detectedMs} ms, live in ${failover.liveMs} ms, ` +
    `longest silence for the client ${failover.clientGapMs} ms`;
  if (report.ok) return `\nOK     ${facts}\n       ${timing}\n`;
  const why = outputCommit
    ? ''
    : `       The old primary answered before its log was safe, so the new one had never heard of it.\n       That is what the Output Rule prevents: run ftvm demo without --output-commit off.\n`;
  return `\nFAILED ${facts}\n       ${timing}\n${why}`;
}
