import { Command, CommanderError } from 'commander';
import { FtvmError } from '../errors.js';
import { ftvmVersion } from './build-info.js';
import { exitStatus, statusOfError } from './exit-status.js';
import { addArbiterCommand } from './arbiter-command.js';
import { addBenchCommand } from './bench-command.js';
import { addChaosCommand } from './chaos-command.js';
import { addConsoleCommand } from './console-command.js';
import { addDemoCommand } from './demo-command.js';
import { addDiskCommand } from './disk-command.js';
import { addDoctorCommand } from './doctor-command.js';
import { addFailoverCommand } from './failover-command.js';
import { addOperateCommands } from './operate-commands.js';
import { addRecordCommand } from './record-command.js';
import { addReplayCommand } from './replay-command.js';
import { addRunCommand } from './run-command.js';
import { addSimulateCommand } from './simulate-command.js';
import { addStatusCommand } from './status-command.js';
import { addStopCommand } from './stop-command.js';
import { addSwitchCommand } from './switch-command.js';

/** The program. bin/ftvm calls it with the words after `ftvm`. */
export async function main(words: readonly string[]): Promise<void> {
  const program = new Command('ftvm')
    .description('A fault-tolerant hypervisor: an unmodified x86 guest outlives its host.')
    .version(ftvmVersion)
    .showHelpAfterError('(ftvm --help shows what there is)')
    .exitOverride()
    .configureOutput({
      // A screen of today; what is written to a file is read on one, too.
      getOutHelpWidth: () => Math.max(100, process.stdout.columns ?? 0),
      outputError: (text, write) => write(text.replace(/^error: /, 'ftvm: ')),
    })
    .addHelpText(
      'after',
      `
Examples:
  $ ftvm demo               # the story end to end, in half a minute
  $ ftvm run --primary      # boot Linux; in a second terminal: ftvm run --backup
  $ ftvm status             # who is live, and is it protected`,
    );
  addDemoCommand(program);
  addRunCommand(program);
  addStatusCommand(program);
  addConsoleCommand(program);
  addFailoverCommand(program);
  addOperateCommands(program);
  addStopCommand(program);
  addSwitchCommand(program);
  addArbiterCommand(program);
  addRecordCommand(program);
  addReplayCommand(program);
  addDiskCommand(program);
  addDoctorCommand(program);
  addBenchCommand(program);
  addChaosCommand(program);
  addSimulateCommand(program);
  for (const command of program.commands) {
    command.exitOverride();
    command.showHelpAfterError(`(ftvm ${command.name()} --help shows what there is)`);
  }
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    process.exitCode = tell(error);
  }
  // Whatever is still open (a terminal, a log file) must not keep a finished command alive.
  process.exit(process.exitCode ?? exitStatus.done);
}

/** Says what happened, why, and what to do next; a stack only for a bug. */
function tell(error: unknown): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? exitStatus.done : exitStatus.usage;
  }
  if (error instanceof FtvmError) {
    process.stderr.write(`ftvm: ${error.message}\n  ${error.remedy} [${error.code}]\n`);
    return statusOfError(error);
  }
  const stack = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`ftvm: a bug: ${stack ?? ''}\n  Please report it with the lines above.\n`);
  return exitStatus.bug;
}
