import { Option, type Command } from 'commander';
import { ArbiterHost } from '../node/arbiter-host.js';
import type { DiagnosticLevel } from '../node/diagnostic-line.js';
import type { HostPort } from '../node/host-port.js';
import { PinoDiagnostics } from '../node/pino-diagnostics.js';
import { exitStatus } from './exit-status.js';
import { hostPort } from './option-parsers.js';
import { checkSecret, secretOf, secretOption, type SecretArguments } from './secret-option.js';
import { onSignals } from './signals.js';

interface ArbiterArguments extends SecretArguments {
  readonly listen: HostPort;
  readonly logLevel: DiagnosticLevel;
}

const defaultAddress: HostPort = { host: '127.0.0.1', port: 7400 };

export function addArbiterCommand(program: Command): void {
  program
    .command('arbiter')
    .argument('[dir]', 'where the generations are kept', 'ftvm-arbiter')
    .description('say who is live, for VMs whose hosts share no disk')
    .addOption(
      new Option('--listen <host:port>', 'where replicas ask')
        .argParser(hostPort)
        .default(defaultAddress, '127.0.0.1:7400'),
    )
    .addOption(secretOption())
    .addOption(
      new Option('--log-level <level>', 'on stderr')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addHelpText(
      'after',
      `
Run it on a third host, so that the death of one of the two that run the VM does not take it along.
While it is away a protected VM runs on; nobody can go live.

Examples:
  $ ftvm arbiter /var/lib/ftvm-arbiter --listen 10.0.0.3:7400 --secret-file secret
  $ ftvm run vm --primary --disk-mode replicated --arbiter http://10.0.0.3:7400 --secret-file secret`,
    )
    .action(async (dir: string, parsed: ArbiterArguments) => {
      const { listen } = parsed;
      await checkSecret(parsed, [listen]);
      const secret = await secretOf(parsed);
      const diagnostics = new PinoDiagnostics({ level: parsed.logLevel, logFile: undefined });
      const host = await ArbiterHost.open(diagnostics, { ...listen, secret, dir });
      const signalled = new Promise<void>((resolve) => onSignals(resolve));
      process.stdout.write(`arbiter at ${host.url}, generations in ${dir}\n`);
      await signalled;
      await host.close();
      process.exitCode = exitStatus.interrupted;
    });
}
