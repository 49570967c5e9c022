import { Command, CommanderError } from 'commander';
import { FtvmError } from '../errors.js';
import { ftvmVersion } from './build-info.js';
import { addCommands } from './commands.js';
import { exitStatus, statusOfError } from './exit-status.js';

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
  await addCommands(program, words[0]);
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
