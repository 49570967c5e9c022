import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { FtvmError } from '../errors.js';
import type { HypervisorStatus } from '../hypervisor/status.js';
import { askApi } from '../node/api-client.js';
import { hostMark } from '../node/host-mark.js';
import type { SharedSecret } from '../node/shared-secret.js';
import { openVm, type Vm } from '../node/vm-directory.js';
import { wholeNumber } from './option-parsers.js';
import { secretOf, secretOption, type SecretArguments } from './secret-option.js';
import { statusOfVm } from './status-command.js';
import { defaultVmDir } from './vm-arguments.js';

interface FailoverArguments extends SecretArguments {
  readonly kill?: true;
  readonly timeout: number;
}

/** There is nobody to hand over to, or it did not come about. */
class FailoverError extends FtvmError {
  readonly code = 'FTVM_FAILOVER';
  readonly remedy = 'Look at ftvm status; a backup has to be in sync first (ftvm run --backup).';
}

export function addFailoverCommand(program: Command): void {
  program
    .command('failover')
    .argument('[vm-dir]', 'directory of the VM', defaultVmDir)
    .description('hand the VM over to a backup; the old primary becomes its backup')
    .option('--kill', 'kill -9 the primary instead: the unplanned kind, on this host only')
    .option('--timeout <seconds>', 'wait that long', wholeNumber(1, 3600), 15)
    .addOption(secretOption())
    .addHelpText('after', '\nExample:\n  $ ftvm failover ./ftvm-vm')
    .action(async (dir: string, parsed: FailoverArguments) => failover(dir, parsed));
}

async function failover(dir: string, parsed: FailoverArguments): Promise<void> {
  const secret = await secretOf(parsed);
  const vm = await openVm(dir);
  const { primary, protection, reason } = await statusOfVm(vm, secret);
  if (!primary) throw new FailoverError(`${vm.name} is not running: ${reason}`);
  if (protection !== 'protected') {
    throw new FailoverError(`${vm.name} is not protected: ${reason}`);
  }
  const startedAtMs = performance.now();
  if (parsed.kill) kill(primary);
  else {
    const answer = await askApi('POST', `${primary.api}/failover`, { secret });
    if (answer?.status !== 202) {
      throw new FailoverError(`Process ${primary.pid} does not hand over: ${answer?.body ?? ''}`);
    }
  }
  const live = await nextPrimary(vm, primary.replica, secret, parsed.timeout);
  const tookMs = Math.round(performance.now() - startedAtMs);
  process.stdout.write(
    `${vm.name}: process ${live.pid} on ${live.host} is live, ${tookMs} ms after the request\n`,
  );
}

function kill({ pid, host }: NonNullable<HypervisorStatus['primary']>): void {
  if (host !== hostMark()) {
    throw new FailoverError(`Process ${pid} runs on ${host}: kill it there`);
  }
  process.kill(pid, 'SIGKILL');
}

async function nextPrimary(
  vm: Vm,
  before: string,
  secret: SharedSecret | null,
  timeoutSeconds: number,
): Promise<NonNullable<HypervisorStatus['primary']>> {
  const untilMs = performance.now() + timeoutSeconds * 1000;
  while (performance.now() < untilMs) {
    const { primary, role, protection } = await statusOfVm(vm, secret);
    if (primary && role === 'primary' && primary.replica !== before) return primary;
    if (primary?.replica === before && protection === 'unprotected') {
      throw new FailoverError(`Process ${primary.pid} stays live: ${vm.name} has lost its backup`);
    }
    await sleep(5);
  }
  throw new FailoverError(`No backup of ${vm.name} was live after ${timeoutSeconds} s`);
}
