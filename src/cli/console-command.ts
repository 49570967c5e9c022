import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { findLive } from '../hypervisor/find-live.js';
import { generationsOf } from '../node/generation-stores.js';
import type { GenerationStore } from '../host/generation-store.js';
import { HttpHolderProbe } from '../node/http-holder-probe.js';
import type { SharedSecret } from '../node/shared-secret.js';
import { openVm, type Vm } from '../node/vm-directory.js';
import { BesideScreen } from './beside-screen.js';
import { ConsoleClient } from './console-client.js';
import { exitStatus } from './exit-status.js';
import { secretOf, secretOption, type SecretArguments } from './secret-option.js';
import { untilStopped } from './signals.js';
import { statusOfVm } from './status-command.js';
import { defaultVmDir } from './vm-arguments.js';

export function addConsoleCommand(program: Command): void {
  program
    .command('console')
    .argument('[vm-dir]', 'directory of the VM', defaultVmDir)
    .description("the guest's console, wherever it is live; it stays through failovers")
    .addOption(secretOption())
    .addHelpText(
      'after',
      `
stdout carries the guest's bytes, each once; stdin goes to the guest. On a terminal Ctrl-] leaves.
What is typed in the moments of a failover may be lost, as on any line.

Example:
  $ ftvm console ./ftvm-vm`,
    )
    .action(async (dir: string, parsed: SecretArguments) => {
      const secret = await secretOf(parsed);
      const vm = await openVm(dir);
      process.exitCode = await untilStopped((stop) => attach(vm, secret, stop));
    });
}

async function attach(vm: Vm, secret: SharedSecret | null, stop: AbortSignal): Promise<number> {
  const beside = BesideScreen.of(vm);
  const stderr = beside ?? process.stderr;
  const say = (line: string): void => void stderr.write(`ftvm: ${line}\n`);
  const status = await statusOfVm(vm, secret);
  // One that is starting has no console yet, and will.
  if (status.replica === '') {
    say(`${vm.name} is not running: ${status.reason}`);
    return exitStatus.environment;
  }
  const generations = generationsOf(vm, secret);
  const probe = new HttpHolderProbe({ secret });
  let isLinked = false;
  let wasLinked = false;
  const client = new ConsoleClient(
    async () => {
      const latest = await generations.latest();
      if (latest.kind !== 'found') return null;
      const { holder, handedOverBy } = latest.record;
      const found = handedOverBy ? await findLive(probe, latest.record) : null;
      return found?.kind === 'live' ? found.replica.api : holder.api;
    },
    {
      output: (bytes) => void process.stdout.write(bytes),
      connected: (api) => {
        isLinked = true;
        say(wasLinked ? `back, at ${api}` : `console of ${vm.name} at ${api}`);
        wasLinked = true;
      },
      disconnected: () => {
        isLinked = false;
        say('the live replica is gone; looking for the next');
      },
    },
    secret,
  );
  const detached = new AbortController();
  const closeStdin = readStdin(client, () => detached.abort());
  const over = AbortSignal.any([stop, detached.signal]);
  client.start();
  try {
    await untilOff(probe, generations, () => isLinked, over);
  } finally {
    client.close();
    closeStdin();
    beside?.leave();
  }
  if (stop.aborted) return exitStatus.interrupted;
  say(detached.signal.aborted ? `left ${vm.name}; it runs on` : `${vm.name} is off`);
  return exitStatus.done;
}

/** Resolves when nobody has been live for longer than any failover takes, or when `over`. */
async function untilOff(
  probe: HttpHolderProbe,
  generations: GenerationStore,
  isLinked: () => boolean,
  over: AbortSignal,
): Promise<void> {
  for (let goneSinceMs: number | null = null; !over.aborted;) {
    await sleep(lookMs, undefined, { signal: over }).catch(() => undefined);
    const latest = isLinked() ? null : await generations.latest();
    const isGone =
      latest?.kind === 'found' && (await findLive(probe, latest.record)).kind === 'gone';
    if (!isGone) goneSinceMs = null;
    else goneSinceMs ??= performance.now();
    if (goneSinceMs !== null && performance.now() - goneSinceMs > goneMsMax) return;
  }
}

/** Returns the undoing. */
function readStdin(client: ConsoleClient, leave: () => void): () => void {
  const { stdin } = process;
  const onData = (data: Buffer): void => {
    const end = stdin.isTTY ? data.indexOf(leaveKey) : -1;
    client.type(end < 0 ? data : data.subarray(0, end));
    if (end >= 0) leave();
  };
  // A reader that goes away, of ours or of what we write, is no reason to complain.
  process.stdout.on('error', leave);
  stdin.on('error', () => undefined);
  stdin.on('data', onData);
  if (stdin.isTTY) stdin.setRawMode(true);
  return () => {
    stdin.off('data', onData);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  };
}

/** Ctrl-], as in `ftvm run`. */
const leaveKey = 0x1d;
const lookMs = 200;
// Silence is noticed after --failure-timeout, half a second unless somebody said otherwise.
const goneMsMax = 3000;
