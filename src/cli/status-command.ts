import type { Command } from 'commander';
import type { StateProgress } from '../channel/state-transfer.js';
import { FtvmError } from '../errors.js';
import { statusOfNobody, type BackupRow, type HypervisorStatus } from '../hypervisor/status.js';
import { findLive, processWords } from '../hypervisor/find-live.js';
import { askApi } from '../node/api-client.js';
import { endNotesOf, generationsOf } from '../node/generation-stores.js';
import type { SharedSecret } from '../node/shared-secret.js';
import { HttpHolderProbe } from '../node/http-holder-probe.js';
import { openVm, type Vm } from '../node/vm-directory.js';
import { exitStatus } from './exit-status.js';
import { secretOf, secretOption, type SecretArguments } from './secret-option.js';
import { defaultVmDir } from './vm-arguments.js';

interface StatusArguments extends SecretArguments {
  readonly json?: true;
  readonly check?: true;
}

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .argument('[vm-dir]', 'directory of the VM', defaultVmDir)
    .description('who is live, in which generation, and whether the VM is protected')
    .addOption(secretOption())
    .option('--json', 'one JSON object on stdout')
    .option('--check', 'exit status 6 unless as many backups are in sync as are wished')
    .addHelpText(
      'after',
      `
Examples:
  $ ftvm status --json | jq .protection
  $ ftvm status --check || echo "not as protected as it should be"`,
    )
    .action(async (dir: string, parsed: StatusArguments) => {
      const { json, check } = parsed;
      const status = await statusOfVm(await openVm(dir), await secretOf(parsed));
      process.stdout.write(json ? `${JSON.stringify(status)}\n` : table(status));
      const isAsWished =
        status.protection === 'protected' && status.backupsInSync >= status.backupsWished;
      if (check && !isAsWished) process.exitCode = exitStatus.checkFailed;
    });
}

/** Asks the holder of the latest generation; a VM nobody runs has a status too. */
export async function statusOfVm(
  vm: Vm,
  secret: SharedSecret | null = null,
): Promise<HypervisorStatus> {
  const latest = await generationsOf(vm, secret).latest();
  if (latest.kind === 'unreachable') {
    return statusOfNobody(
      vm,
      0,
      `${vm.arbiter === null ? 'the shared disk' : 'the arbiter'} cannot be reached: ${latest.why}`,
    );
  }
  if (latest.kind === 'none') return statusOfNobody(vm, 0, 'it was never started');
  const { generation, holder, claimedAt } = latest.record;
  const who = `process ${holder.pid} on ${holder.host}, live since ${claimedAt}`;
  const found = await findLive(new HttpHolderProbe({ secret }), latest.record);
  const status = found.kind === 'live' ? await askStatus(found.replica.api, secret) : null;
  if (status) return status;
  if (found.kind === 'gone') {
    const end = await endNotesOf(vm, secret).read(generation);
    const how =
      end === null ? `${who}, is gone` : `the guest ${endWords[end.kind]} at ${end.at} (${who})`;
    return statusOfNobody(vm, generation, `nobody is live: ${how}`);
  }
  // Refused for want of a secret is told by name; silence of any other kind is no proof of death.
  const silent = found.kind === 'silent' ? found.replicas : [found.replica];
  for (const { api } of silent) await askStatus(api, secret);
  const since = silent.includes(holder) ? who : processWords(silent);
  return statusOfNobody(vm, generation, `${since}, ${silentHolder}`);
}

const endWords = { poweredOff: 'powered off', crashed: 'crashed' } as const;

/** How the reason of a VM ends that somebody may be running. */
export const silentHolder = 'does not answer; it may be stopped, or on a host out of reach';

/** The replica asks for a secret, and ours is another one or none. */
class SecretRefusedError extends FtvmError {
  readonly code = 'FTVM_SECRET_REFUSED';
  readonly remedy = 'Give --secret-file (or FTVM_SECRET_FILE) the file its replicas were given.';

  constructor(api: string) {
    super(`The replica at ${api} does not talk to strangers`);
  }
}

/** Null if nobody answers there, or nobody of ours. Errors: SecretRefusedError. */
export async function askStatus(
  api: string,
  secret: SharedSecret | null = null,
): Promise<HypervisorStatus | null> {
  const answer = await askApi('GET', `${api}/status`, { secret });
  if (answer?.status === 401) throw new SecretRefusedError(api);
  if (answer?.status !== 200) return null;
  try {
    return JSON.parse(answer.body) as HypervisorStatus;
  } catch {
    return null;
  }
}

export function protectionWords(status: HypervisorStatus): string {
  return `${status.protection.toUpperCase()}  (${status.reason})`;
}

function stageWords({
  stateProgress,
  diskProgress,
  lagMs,
}: Pick<BackupRow, 'stateProgress' | 'diskProgress' | 'lagMs'>): string {
  if (stateProgress) return progressWords(stateProgress);
  const lag = `lag ${lagMs.toFixed(1)} ms`;
  return diskProgress ? `disk compared: ${progressWords(diskProgress)}, ${lag}` : lag;
}

/** `12 of 40 MiB (30 %)`. */
function progressWords({ doneBytes, totalBytes }: StateProgress): string {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
  const percent = Math.floor((100 * doneBytes) / Math.max(totalBytes, 1));
  return `${mib(doneBytes)} of ${mib(totalBytes)} MiB (${percent} %)`;
}

function table(status: HypervisorStatus): string {
  const { primary } = status;
  const lines = [
    `${status.name}  ${protectionWords(status)}`,
    `  generation  ${status.generation}`,
    primary
      ? `  primary     process ${primary.pid} on ${primary.host}, ${primary.api}, epoch ${primary.epoch}${primary.paused ? ', PAUSED (ftvm resume)' : ''}`
      : '  primary     none',
    ...status.backups.map(
      ({ pid, host, state, ...row }) =>
        `  backup      process ${pid} on ${host}: ${state}, ${stageWords(row)}`,
    ),
  ];
  if (primary) {
    const { commitDelayMsMean, commitDelayMsMax, sharePercent } = primary;
    const { commit, acksAwaited, backupsInSync } = status;
    const who = commit === 'quorum' ? ` for ${acksAwaited} of ${backupsInSync} backups,` : '';
    lines.push(
      `  log         ${status.log.bytesPerSecond} bytes/s, ${status.log.bufferBytes} bytes buffered`,
      `  output      waits${who} ${commitDelayMsMean.toFixed(2)} ms on average, ${commitDelayMsMax.toFixed(2)} ms at most`,
      `  vCPU        may run ${sharePercent} % of the time`,
      ...status.disks.map(
        ({ drive, chainLength, layerBytes }) =>
          `  disk        ${drive}: image and ${chainLength - 1} layers of ${(layerBytes / (1024 * 1024)).toFixed(1)} MiB`,
      ),
    );
  }
  const { lastDivergence: last } = status;
  if (last) {
    lines.push(
      `  divergence  ${last.count} so far; the last: replica ${last.replica} at epoch ${last.epoch}, ${last.at}: ${last.what}`,
    );
    if (last.agreeing > 1) {
      lines.push(
        `              ${last.agreeing} backups agree with each other and not with the primary: suspect its memory`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
