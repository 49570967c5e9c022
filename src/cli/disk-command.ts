import { Option, type Command } from 'commander';
import { ImageHauntedError } from '../disk/layer-error.js';
import { FtvmError } from '../errors.js';
import type { DriveSpec } from '../guest/machine-spec.js';
import { findLive, processWords, type LiveFound } from '../hypervisor/find-live.js';
import { FileGenerationStore } from '../node/file-generation-store.js';
import { HttpHolderProbe } from '../node/http-holder-probe.js';
import { openVm, type Vm } from '../node/vm-directory.js';
import { copyDisk, disksOf, foldDisk, inspectDisks, type DiskReport } from '../node/vm-disks.js';
import { exitStatus } from './exit-status.js';
import { secretOf, secretOption, type SecretArguments } from './secret-option.js';
import { untilStopped } from './signals.js';
import { UsageError } from './usage-error.js';
import { defaultVmDir } from './vm-arguments.js';

interface DiskArguments extends SecretArguments {
  readonly drive: string;
  readonly out?: string;
  readonly fold?: boolean;
  readonly holderIsDead?: boolean;
  readonly json?: boolean;
}

/** The VM runs, or may. */
class DiskInUseError extends FtvmError {
  readonly code = 'FTVM_DISK_IN_USE';
  readonly remedy =
    'ftvm stop powers the guest off and folds by itself. If the holder is dead for certain: --holder-is-dead.';

  constructor(found: Exclude<LiveFound, { kind: 'gone' }>) {
    const how = found.kind === 'live' ? 'is live' : 'does not answer, and may be live';
    const who = processWords(found.kind === 'live' ? [found.replica] : found.replicas);
    super(`Cannot fold the disks: ${who} ${how}`);
  }
}

export function addDiskCommand(program: Command): void {
  program
    .command('disk')
    .argument('[vm-dir]', 'directory of the VM', defaultVmDir)
    .description("show where the guest's writes are, copy a disk as one raw image, or fold")
    .option('--out <file>', 'write the disk there as one raw image; may be done while the VM runs')
    .addOption(new Option('--drive <name>', 'which one').choices(['hda', 'hdb']).default('hda'))
    .option('--fold', "put the guest's writes into the images, as a power-off in order does")
    .option('--holder-is-dead', 'you made sure that no replica of before is left, not even stopped')
    .option('--json', 'one JSON object on stdout')
    .addOption(secretOption())
    .addHelpText(
      'after',
      `
Examples:
  $ ftvm disk                     # image and layers of each disk
  $ ftvm disk --out copy.img      # as of a power cut now, if the VM runs
  $ ftvm disk --fold              # after a kill: makes disk/hda.img whole again`,
    )
    .action(async (dir: string, parsed: DiskArguments) => {
      const vm = await openVm(dir);
      if (vm.disks === 'replicated') {
        throw new UsageError(
          'The disks of this VM are replicated: each replica has raw images of its own',
          `They are in ${vm.dir}/copies, or where --disk-dir says.`,
        );
      }
      if (parsed.out !== undefined) await copy(vm, parsed.drive, parsed.out);
      else if (parsed.fold) process.exitCode = await foldAll(vm, parsed);
      else {
        const disks = await inspectDisks(vm);
        const text = parsed.json ? JSON.stringify({ disks }) : disks.map(diskLine).join('\n');
        process.stdout.write(`${text}\n`);
      }
    });
}

/** Where a disk is, for a person. */
export function diskLine({ drive, image, layers, layerBytes, state }: DiskReport): string {
  if (layers === 0) return `${drive}  ${image} is the disk`;
  const files = layers === 1 ? '1 layer' : `${layers} layers`;
  const why = state === 'still' ? '' : '; a fold into it was not finished';
  return `${drive}  ${image}, and on it ${files} of ${mib(layerBytes)}${why}`;
}

async function copy(vm: Vm, name: string, out: string): Promise<void> {
  const drive = disksOf(vm).find((each) => each.name === name);
  if (!drive) throw new UsageError(`The VM has no disk ${name}`, 'ftvm disk shows what it has.');
  const say = everySecond();
  await copyDisk(vm, drive, out, (done, total) => say(`${mib(done)} of ${mib(total)}`));
  process.stdout.write(`${out} is ${name}\n`);
}

async function foldAll(vm: Vm, parsed: DiskArguments): Promise<number> {
  const nobodyElseWrites = parsed.holderIsDead ?? false;
  await checkNobodyIsLive(vm, parsed);
  return untilStopped(async (stop) => {
    for (const drive of disksOf(vm)) {
      const outcome = await fold(vm, drive, stop, nobodyElseWrites);
      if (outcome === 'haunted') throw new ImageHauntedError();
      if (outcome === 'stopped') return exitStatus.interrupted;
      process.stdout.write(`${drive.path} is ${drive.name}\n`);
    }
    return exitStatus.done;
  });
}

function fold(
  vm: Vm,
  drive: DriveSpec,
  stop: AbortSignal,
  nobodyElseWrites: boolean,
): ReturnType<typeof foldDisk> {
  const say = everySecond();
  const progress = (done: number, total: number): boolean => {
    say(`${drive.name}: ${mib(done)} of ${mib(total)}`);
    return !stop.aborted;
  };
  return foldDisk(vm, drive, progress, { nobodyElseWrites });
}

async function checkNobodyIsLive(vm: Vm, parsed: DiskArguments): Promise<void> {
  const latest = await new FileGenerationStore(vm.generationsDir).latest();
  if (latest.kind !== 'found') return;
  const probe = new HttpHolderProbe({ secret: await secretOf(parsed) });
  const found = await findLive(probe, latest.record);
  if (found.kind === 'gone' || (found.kind === 'silent' && parsed.holderIsDead)) return;
  throw new DiskInUseError(found);
}

function everySecond(): (text: string) => void {
  let saidAtMs = performance.now();
  return (text) => {
    if (performance.now() - saidAtMs < 1000) return;
    saidAtMs = performance.now();
    process.stderr.write(`ftvm: ${text}\n`);
  };
}

const mib = (bytes: number): string => `${(bytes / (1024 * 1024)).toFixed(1)} MiB`;
