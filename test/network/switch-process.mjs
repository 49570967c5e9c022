// `ftvm switch` from dist/, with the command line's own error handling in short.
import { Command, CommanderError } from 'commander';
import { addSwitchCommand } from '../../dist/cli/switch-command.js';
import { statusOfError } from '../../dist/cli/exit-status.js';

const program = new Command('ftvm').exitOverride();
addSwitchCommand(program);
for (const command of program.commands) command.exitOverride();
try {
  await program.parseAsync(process.argv.slice(2), { from: 'user' });
} catch (error) {
  if (!(error instanceof CommanderError)) console.error(`${error.message}\n  ${error.remedy}`);
  process.exitCode = error instanceof CommanderError ? 2 : statusOfError(error);
}
process.exit(process.exitCode ?? 0);
