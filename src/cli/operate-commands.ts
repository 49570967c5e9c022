import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { FtvmError } from '../errors.js';
import type { HypervisorStatus } from '../hypervisor/status.js';
import { askApi } from '../node/api-client.js';
import type { SharedSecret } from '../node/shared-secret.js';
import { openVm, type Vm } from '../node/vm-directory.js';
import { wholeNumber } from './option-parsers.js';
import { secretOf, secretOption, type SecretArguments } from './secret-option.js';
import { askStatus, silentHolder, statusOfVm } from './status-command.js';
import { defaultVmDir } from './vm-arguments.js';

interface OperateArguments extends SecretArguments {
  readonly timeout: number;
}

/** There is no guest to do that to. */
class NotRunningError extends FtvmError {
  readonly code = 'FTVM_NOT_RUNNING';
  readonly remedy = 'Look at ftvm status; ftvm run --primary starts the VM.';
}

/** The live replica took the request, and it is not seen to have come about. */
class NotDoneError extends FtvmError {
  readonly code = 'FTVM_NOT_DONE';
  readonly remedy =
    'Look at ftvm status. If a failover came in between, the request died with its replica: ask again.';
}

/** The guest was asked to power off, and is still there. */
class GuestStillOnError extends FtvmError {
  readonly code = 'FTVM_GUEST_STILL_ON';
  readonly remedy =
    'It may take longer, be paused, or not listen to the button; ftvm stop cuts its power.';
}

/** The switches of the machine, for the operator: each acts on every replica alike (§3.3). */
export function addOperateCommands(program: Command): void {
  command(program, 'pause', 'stop the guest where it is, on every replica; it stays protected', 15)
    .addHelpText(
      'after',
      `
Guest time stands still meanwhile: its clock is behind by the length of the pause when it goes on.
A failover changes nothing about it.

Example:
  $ ftvm pause ./ftvm-vm && ftvm resume ./ftvm-vm`,
    )
    .action(async (dir: string, parsed: OperateArguments) => setPaused(dir, parsed, true));
  command(program, 'resume', 'let a paused guest go on', 15)
    .addHelpText('after', '\nExample:\n  $ ftvm resume ./ftvm-vm')
    .action(async (dir: string, parsed: OperateArguments) => setPaused(dir, parsed, false));
  command(program, 'reset', 'reset the guest, as the button of a machine would', 15)
    .addHelpText(
      'after',
      `
What it has not written to its disk is lost; a paused guest is still paused afterwards.

Example:
  $ ftvm reset ./ftvm-vm`,
    )
    .action(async (dir: string, parsed: OperateArguments) => {
      const operated = await press(dir, parsed, 'reset');
      process.stdout.write(`${operated.vm.name}: reset\n`);
    });
  command(program, 'poweroff', 'press the power button; the guest shuts down in order', 60)
    .addHelpText(
      'after',
      `
A guest with ACPI (ftvm run --acpi, and a system that listens to the button) is told and ends by
itself. Any other, the shipped Linux among them, has its power cut, as by ftvm stop: shut that down
with poweroff at its console.

Example:
  $ ftvm poweroff ./ftvm-vm`,
    )
    .action(powerOff);
}

function command(program: Command, name: string, description: string, seconds: number): Command {
  return program
    .command(name)
    .argument('[vm-dir]', 'directory of the VM', defaultVmDir)
    .description(description)
    .addOption(secretOption())
    .option('--timeout <seconds>', 'wait that long', wholeNumber(1, 3600), seconds);
}

type Primary = NonNullable<HypervisorStatus['primary']>;

interface Operated {
  readonly vm: Vm;
  readonly secret: SharedSecret | null;
  readonly primary: Primary;
  readonly untilMs: number;
}

/** Asks the live replica. Errors: NotRunningError. */
async function press(dir: string, parsed: OperateArguments, what: string): Promise<Operated> {
  const secret = await secretOf(parsed);
  const vm = await openVm(dir);
  const { primary, role, reason } = await statusOfVm(vm, secret);
  if (!primary || role !== 'primary') {
    const isSilent = reason.endsWith(silentHolder);
    throw new NotRunningError(
      `${isSilent ? `Cannot tell ${vm.name} to` : `${vm.name} is not running, so it cannot`} ${what}: ${reason}`,
    );
  }
  const untilMs = performance.now() + parsed.timeout * 1000;
  const answer = await askApi('POST', `${primary.api}/${what}`, { secret });
  if (answer?.status !== 202) {
    throw new NotDoneError(
      `Process ${primary.pid} did not ${what}: ${answer?.body ?? 'no answer'}`,
    );
  }
  return { vm, secret, primary, untilMs };
}

async function setPaused(dir: string, parsed: OperateArguments, paused: boolean): Promise<void> {
  const what = paused ? 'pause' : 'resume';
  const { vm, secret, untilMs } = await press(dir, parsed, what);
  while ((await statusOfVm(vm, secret)).primary?.paused !== paused) {
    if (performance.now() > untilMs) {
      throw new NotDoneError(`${vm.name} was told to ${what} and has not, ${parsed.timeout} s on`);
    }
    await sleep(20);
  }
  process.stdout.write(`${vm.name} ${paused ? 'is paused' : 'runs'}\n`);
}

async function powerOff(dir: string, parsed: OperateArguments): Promise<void> {
  const { vm, secret, primary, untilMs } = await press(dir, parsed, 'poweroff');
  let live: Primary | null = primary;
  while (live) {
    if (performance.now() > untilMs) {
      throw new GuestStillOnError(
        `${vm.name} was asked to power off and is on after ${parsed.timeout} s`,
      );
    }
    await sleep(50);
    // The one we asked, or whoever took over from it.
    const stillThere: HypervisorStatus | null = await askStatus(live.api, secret);
    live = stillThere?.primary ?? (await statusOfVm(vm, secret)).primary;
  }
  process.stdout.write(`${vm.name} is off\n`);
}
