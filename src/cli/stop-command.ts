import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { FtvmError } from '../errors.js';
import type { HypervisorStatus } from '../hypervisor/status.js';
import { askApi } from '../node/api-client.js';
import type { SharedSecret } from '../node/shared-secret.js';
import { openVm } from '../node/vm-directory.js';
import { wholeNumber } from './option-parsers.js';
import { secretOf, secretOption, type SecretArguments } from './secret-option.js';
import { askStatus, silentHolder, statusOfVm } from './status-command.js';
import { defaultVmDir } from './vm-arguments.js';

/** The live replica took the request, and is still there. */
class StillRunningError extends FtvmError {
  readonly code = 'FTVM_STILL_RUNNING';
  readonly remedy =
    'Look at its diagnostics; a primary whose output waits for storage or a backup ends when it can.';
}

interface StopArguments extends SecretArguments {
  readonly timeout: number;
  readonly replica?: number;
}

/** Somebody holds the VM and does not answer: whether it is off, nobody can say. */
class HolderSilentError extends FtvmError {
  readonly code = 'FTVM_HOLDER_SILENT';
  readonly remedy =
    'Continue that process if it is stopped, or run ftvm stop on its own host; to end it for good, kill it.';
}

export function addStopCommand(program: Command): void {
  program
    .command('stop')
    .argument('[vm-dir]', 'directory of the VM', defaultVmDir)
    .description('power off the guest on every replica; no one goes live')
    .addOption(secretOption())
    .option('--replica <pid>', 'end that one only; the others go on', wholeNumber(1, 2 ** 31 - 1))
    .option('--timeout <seconds>', 'wait that long for it to end', wholeNumber(1, 3600), 15)
    .addHelpText(
      'after',
      `
It cuts the power, as the switch of a machine would: file systems with a journal recover. To shut
down in order, type poweroff in the guest, which ends every replica too.

Examples:
  $ ftvm stop ./ftvm-vm
  $ ftvm stop ./ftvm-vm --replica 4711     # as Ctrl-C there; if it is live, a backup takes over`,
    )
    .action(async (dir: string, parsed: StopArguments) => stop(dir, parsed));
}

async function stop(dir: string, parsed: StopArguments): Promise<void> {
  const { timeout: timeoutSeconds } = parsed;
  const secret = await secretOf(parsed);
  const vm = await openVm(dir);
  const waitUntilMs = performance.now() + timeoutSeconds * 1000;
  let status = await statusOfVm(vm, secret);
  // A replica that answers and is not live yet is starting: it has no switch to press.
  while (status.replica !== '' && !status.primary && performance.now() < waitUntilMs) {
    await sleep(50);
    status = await statusOfVm(vm, secret);
  }
  if (!status.primary && status.reason.endsWith(silentHolder)) {
    throw new HolderSilentError(`Cannot tell ${vm.name} to stop: ${status.reason}`);
  }
  if (!status.primary) {
    process.stdout.write(`${vm.name} is not running: ${status.reason}\n`);
    return;
  }
  if (parsed.replica !== undefined) {
    await stopReplica(status, parsed.replica, { secret, waitUntilMs });
    return;
  }
  const { api, pid, replica } = status.primary;
  await askApi('POST', `${api}/stop`, { secret });
  while ((await askStatus(api, secret))?.replica === replica) {
    if (performance.now() > waitUntilMs) {
      throw new StillRunningError(
        `Process ${pid} was told to power off and still runs after ${timeoutSeconds} s`,
      );
    }
    await sleep(50);
  }
  process.stdout.write(`${vm.name} is off\n`);
}

/** No replica of that process id that the primary knows of. */
class NoSuchReplicaError extends FtvmError {
  readonly code = 'FTVM_NO_SUCH_REPLICA';
  readonly remedy = 'ftvm status lists them; one that has not joined ends with Ctrl-C or SIGTERM.';
}

async function stopReplica(
  { name, primary, backups }: HypervisorStatus,
  pid: number,
  how: { readonly secret: SharedSecret | null; readonly waitUntilMs: number },
): Promise<void> {
  const found = [primary, ...backups].find((row) => row?.pid === pid);
  if (!found) throw new NoSuchReplicaError(`${name} has no replica with process id ${pid}`);
  const { secret, waitUntilMs } = how;
  await askApi('POST', `${found.api}/leave`, { secret });
  while ((await askStatus(found.api, secret))?.replica === found.replica) {
    if (performance.now() > waitUntilMs) {
      throw new StillRunningError(`Process ${pid} was told to leave and still runs`);
    }
    await sleep(50);
  }
  process.stdout.write(`process ${pid} on ${found.host} has left ${name}\n`);
}
