import { Option, type Command } from 'commander';
import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { ReplicaEnd } from '../hypervisor/replica-parts.js';
import type { HostPort } from '../node/host-port.js';
import type { Vm } from '../node/vm-directory.js';
import type { DiagnosticLevel } from '../node/diagnostic-line.js';
import { endNotesOf } from '../node/generation-stores.js';
import { PinoDiagnostics } from '../node/pino-diagnostics.js';
import {
  defaultFailureTimeoutMs,
  defaultLagMsTarget,
  defaultLogBufferBytesMax,
} from '../role/role-settings.js';
import type { RoleReport } from '../role/role-effect.js';
import { unreachable } from '../unreachable.js';
import {
  addBootSnapshotOption,
  BootSnapshot,
  type BootSnapshotArguments,
} from './boot-snapshot.js';
import { FoldWords } from './fold-words.js';
import { exitStatus, statusOfEnd } from './exit-status.js';
import { addJournalOptions, journalSettingsOf, type JournalArguments } from './journal-option.js';
import { hostPort, switchUrl, webSocketUrl, wholeNumber } from './option-parsers.js';
import { ReplicaHost, type ReplicaHostOptions } from './replica-host.js';
import { wordsOf } from './report-words.js';
import {
  addRedundancyOptions,
  checkCommit,
  checkCommitOn,
  redundancyOf,
  slowBackupRuleOf,
  type RedundancyArguments,
} from './redundancy-options.js';
import { checkSecret, secretOf, secretOption, type SecretArguments } from './secret-option.js';
import { protectionWords } from './status-command.js';
import { untilStopped } from './signals.js';
import { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';
import { BesideScreen } from './beside-screen.js';
import { addVmOptions, defaultVmDir, vmOptionsOf, type VmArguments } from './vm-arguments.js';
import { openOrCreateVm, waitForVm } from './vm-opening.js';

interface RunArguments extends VmArguments, ReplicaArguments, BootSnapshotArguments {
  readonly backup?: true;
}

/** What commander parsed of the options of a replica. */
export interface ReplicaArguments extends SecretArguments, RedundancyArguments, JournalArguments {
  readonly primary?: true;
  readonly auto?: true;
  readonly join?: string;
  readonly listen: HostPort;
  readonly api?: HostPort;
  readonly failureTimeout: number;
  readonly outputCommit: 'on' | 'off';
  readonly channelDelay: number;
  readonly switch?: string;
  readonly holderIsDead?: true;
  readonly diskDir?: string;
  readonly takeDisk?: true;
  readonly headless?: true;
  readonly logLevel: DiagnosticLevel;
  readonly logFile?: string;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    // Its description is in the one of the command: the options are a whole screen.
    .argument('[vm-dir]', '', defaultVmDir)
    .description(
      `run a VM (${defaultVmDir}, on storage all its hosts share): primary, or backup that goes live`,
    )
    .option('--primary', 'claim the VM and run it live; created on first use')
    .option('--backup', 'follow the live primary, go live if it dies')
    .option('--auto', 'whichever is needed, for ever: the same command on two or three hosts')
    .option('--join <url>', 'with --backup: where the primary is, ws://host:port', webSocketUrl)
    .option('--headless', 'no console on stdin and stdout');
  addVmOptions(addBootSnapshotOption(command));
  addReplicaOptions(command)
    .addHelpText(
      'after',
      `
The machine is described once, when the VM is created. --disk or --cdrom alone: it boots from there.
With --image or --kernel: they are further drives (--image linux --disk data.img: /dev/sdb).

Examples:
  $ ftvm run --primary      # boot the shipped Linux; then, in a second terminal: ftvm run --backup
  $ ftvm run vm2 --primary --kernel bzImage --append root=/dev/sda --disk disk.img`,
    )
    .action(async (dir: string, parsed: RunArguments) => {
      process.exitCode = await run(dir, parsed);
    });
}

export function addReplicaOptions(command: Command): Command {
  return addJournalOptions(addRedundancyOptions(command))
    .addOption(
      new Option('--listen <host:port>', 'logging channel, status, console')
        .argParser(hostPort)
        .default(loopback, 'any port of 127.0.0.1'),
    )
    .option('--api <host:port>', 'status, metrics and console here, too', hostPort)
    .addOption(secretOption())
    .option('--switch <url>', "plug the guest's card in: ws://… of ftvm switch", switchUrl)
    .option(
      '--failure-timeout <ms>',
      'a peer silent that long is suspected',
      wholeNumber(50, 600_000),
      defaultFailureTimeoutMs,
    )
    .addOption(
      new Option('--output-commit <on|off>', 'off: what the Output Rule prevents')
        .choices(['on', 'off'])
        .default('on'),
    )
    .addOption(
      new Option('--channel-delay <ms>', 'slow the log down, to try what happens')
        .argParser(wholeNumber(0, 60_000))
        .default(0)
        .hideHelp(),
    )
    .option('--disk-dir <dir>', 'with replicated disks: where the copy of this replica is')
    .option('--take-disk', 'with replicated disks: start from this copy, whoever was live last')
    .option('--holder-is-dead', 'you made sure that the silent primary is dead')
    .addOption(
      new Option('--log-level <level>', 'on stderr')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option('--log-file <file>', 'diagnostics as JSON lines here, too');
}

const loopback: HostPort = { host: '127.0.0.1', port: 0 };

async function run(dir: string, parsed: RunArguments): Promise<number> {
  if ([parsed.primary, parsed.backup, parsed.auto].filter(Boolean).length !== 1) {
    throw new UsageError(
      'A replica is one of three things: --primary or --backup, or --auto: whichever is needed',
      'ftvm run --primary boots the VM; ftvm run --backup, in a second terminal, protects it.',
    );
  }
  if (parsed.join !== undefined && !parsed.backup) {
    throw new UsageError(
      '--join tells a backup where its primary is; a primary joins nobody',
      'Give it with --backup, or leave it out.',
    );
  }
  if (parsed.bootSnapshot && parsed.backup) {
    throw new UsageError(
      '--boot-snapshot is for the first start of a VM; a backup gets the state of its primary',
      'Leave it out with --backup.',
    );
  }
  checkCommit(parsed);
  await checkSecret(parsed, [parsed.listen, parsed.api]);
  const diagnostics = new PinoDiagnostics({ level: parsed.logLevel, logFile: parsed.logFile });
  const say = (line: string): void => diagnostics.info(line);
  const options = vmOptionsOf(parsed);
  return untilStopped(async (stop) => {
    const vm = parsed.backup
      ? await waitForVm(dir, options, say, stop)
      : await openOrCreateVm(dir, options, say);
    if (!vm) return exitStatus.interrupted;
    if (!parsed.bootSnapshot) return runReplica(vm, parsed, {}, stop);
    const bootSnapshot = await BootSnapshot.of(vm, diagnostics);
    return runReplica(vm, parsed, { bootSnapshot }, stop);
  });
}

/** Runs one replica in this process until it is over; answers the exit status. */
export async function runReplica(
  vm: Vm,
  parsed: ReplicaArguments,
  extras: Pick<ReplicaHostOptions, 'onRecord' | 'onVcpuEvent' | 'bootSnapshot'>,
  stop: AbortSignal,
): Promise<number> {
  const beside = parsed.headless ? null : BesideScreen.of(vm);
  const diagnostics = new PinoDiagnostics({
    level: parsed.logLevel,
    logFile: parsed.logFile,
    ...(beside && { terminal: beside }),
  });
  const say = (line: string): void => diagnostics.info(line);
  checkCommitOn(parsed, vm);
  const terminal = parsed.headless
    ? null
    : new Terminal({
        press: (event) => host.hypervisor.replica?.inject(event),
        leave: () => host.hypervisor.leave(),
        handOver: () => host.hypervisor.handOver(),
        status: () => protectionWords(host.control.status()),
        say,
      });
  const secret = await secretOf(parsed);
  const host = await ReplicaHost.open({
    vm,
    diagnostics,
    listen: parsed.listen,
    api: parsed.api ?? null,
    secret,
    channelDelayMs: parsed.channelDelay,
    switchUrl: parsed.switch ?? null,
    disks: {
      role: parsed.auto ? 'either' : parsed.primary ? 'primary' : 'backup',
      dir: parsed.diskDir ?? null,
      takesAny: parsed.takeDisk ?? false,
    },
    role: {
      failureTimeoutMs: parsed.failureTimeout,
      outputCommit: parsed.outputCommit === 'on',
      logBufferBytesMax: defaultLogBufferBytesMax,
      lagMsTarget: defaultLagMsTarget,
      slowBackup: slowBackupRuleOf(parsed),
      redundancy: redundancyOf(parsed),
    },
    events: {
      replica: (replica) => terminal?.attach(replica),
      waiting: (forWhat) => say(`waiting for ${forWhat}`),
      rejoining: (why) => say(`joining again as a new backup: ${why}`),
    },
    onReport: sayOnce((report) => say(wordsOf(report))),
    ...(parsed.journal !== undefined && {
      journal: {
        dir: parsed.journal,
        bytesMax: parsed.journalSize * 2 ** 20,
        settings: journalSettingsOf(parsed),
      },
    }),
    ...extras,
  });
  const leave = (): void => host.hypervisor.leave();
  stop.addEventListener('abort', leave);
  try {
    if (stop.aborted) leave();
    terminal?.open();
    say(
      `${parsed.primary ? 'primary' : parsed.auto ? 'replica' : 'backup'} of ${vm.dir}: process ${process.pid}, ${host.identity.api}`,
    );
    if (terminal && vm.spec.boot.kernel === null && vm.spec.console === undefined) {
      say('this console is ttyS0; a VM made with --console screen shows the display instead');
    }
    if (terminal && !parsed.primary) {
      say('this console shows the replayed guest; it takes no input until this replica is live');
    }
    const ends = endNotesOf(vm, secret);
    const rules = {
      holderIsDead: parsed.holderIsDead ?? false,
      endOf: (generation: number) => ends.read(generation),
      mayFollow: (latest: GenerationRecord) => host.disks.mayFollow(latest),
      isCold: parsed.cold ?? false,
    };
    const end = parsed.primary
      ? await host.hypervisor.runPrimary(rules)
      : parsed.auto
        ? await host.hypervisor.runAuto(rules)
        : await host.hypervisor.runBackup({ endpoint: parsed.join ?? null });
    tellEnd(end, diagnostics);
    const { replica } = host.hypervisor;
    if ((end.kind === 'poweredOff' || end.kind === 'crashed') && replica?.isLive) {
      await ends.write(replica.generation, { ...end, at: new Date().toISOString() });
    }
    if (end.kind === 'failed') throw end.error;
    return statusOfEnd(end);
  } finally {
    stop.removeEventListener('abort', leave);
    terminal?.close();
    beside?.leave();
    await host.close();
  }
}

export function tellEnd(end: ReplicaEnd, diagnostics: Diagnostics): void {
  switch (end.kind) {
    case 'poweredOff':
      diagnostics.info(`the guest powered off at epoch ${end.epoch}`);
      return;
    case 'crashed':
      diagnostics.error(
        `the guest crashed at epoch ${end.epoch}: ${end.reason}. Every replica crashes at the same place, so nobody takes over. Start it again with ftvm run --primary; ftvm record keeps a log to look into it.`,
      );
      return;
    case 'lostClaim': {
      const { pid, host, endpoint } = end.holder.holder;
      diagnostics.error(
        `halted: generation ${end.holder.generation} belongs to process ${pid} on ${host} (${endpoint}). Run ftvm run --backup here to protect it again.`,
      );
      return;
    }
    case 'left':
      diagnostics.info('this replica has left; if a backup is in sync, it takes over');
      return;
    case 'refused':
    case 'rejoin':
    case 'failed':
      return;
    default:
      unreachable(end);
  }
}

/** What is tried again and again and comes to the same is said once, until something else is said. */
function sayOnce(tell: (report: RoleReport) => void): (report: RoleReport) => void {
  let last: RoleReport['kind'] | null = null;
  const folding = new FoldWords(() => Date.now());
  return (report) => {
    if (report.kind === 'folding' && !folding.isWorthSaying(report)) return;
    const isTriedAgain = report.kind === 'storageUnreachable' || report.kind === 'joinRefused';
    if (isTriedAgain && last === report.kind) return;
    last = report.kind;
    tell(report);
  };
}
