import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { FtvmError } from '../errors.js';
import type { FileSpec, MachineSpec } from '../guest/machine-spec.js';
import type { LogFileHeader } from '../log/log-file.js';
import { replayLog, type ReplayReport } from '../replay/replay-log.js';
import { createV86Vcpu } from '../vcpu/v86-vcpu.js';
import { buildInfo } from './build-info.js';
import { exitStatus } from './exit-status.js';
import { wholeNumber } from './option-parsers.js';
import { openReplay, type ReplayRange } from './replay-source.js';
import { UsageError } from './usage-error.js';

interface ReplayArguments {
  readonly vm?: string;
  readonly until?: number;
  readonly from?: number;
  readonly console?: true;
  readonly json?: true;
}

export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .argument('<log>', "a log that ftvm record wrote, or a journal's directory")
    .description('run a log again and compare every digest')
    .option('--until <epoch>', 'only that far', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--from <epoch>', 'show from there on', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--vm <vm-dir>', 'look for kernel, initrd and BIOS in this VM, not where they were')
    .option('--console', "show the guest's console on stdout")
    .option('--json', 'the report as one JSON object on stdout')
    .addHelpText(
      'after',
      `
A journal is replayed from its newest snapshot before --from, or else --until; the VM may run on.
Exit status 0: every digest and every output byte equal; 6: it diverged, and where.

Examples:
  $ ftvm replay run.log --console
  $ ftvm replay /var/lib/ftvm/vm --until 102663 --console     # what was on the console then`,
    )
    .action(async (file: string, parsed: ReplayArguments) => {
      process.exitCode = await replay(file, parsed);
    });
}

/** A file the recorded machine booted from is not here, or is another one. */
class ReplayFileError extends FtvmError {
  readonly code = 'FTVM_REPLAY_FILE';
  readonly remedy = 'Name the VM directory that holds it with --vm.';
}

/** The log was made by another emulator: a difference would say nothing. */
class ReplayBuildError extends FtvmError {
  readonly code = 'FTVM_REPLAY_BUILD';
  readonly remedy = 'Replay it with the build of ftvm that recorded it.';
}

async function replay(file: string, parsed: ReplayArguments): Promise<number> {
  const range = rangeOf(parsed);
  const source = await openReplay(file, range);
  checkBuild(source.header);
  const spec = await locateFiles(source.header.spec, parsed.vm);
  const { snapshot } = source;
  if (snapshot) say(`from the snapshot of epoch ${snapshot.epoch}; what was before, --from shows`);
  const startedAtMs = performance.now();
  const showProgress = process.stderr.isTTY && !parsed.console;
  let epochs = 0;
  const report = await replayLog({
    snapshot,
    records: source.records,
    end: source.end,
    isPart: source.isPart,
    createVcpu: (state, { event, failed }) =>
      createV86Vcpu({ spec, ...(state && { snapshot: state }) }, event, failed),
    onRan: ({ epoch, outputs }) => {
      epochs += 1;
      if (showProgress && epochs % 500 === 0) process.stderr.write(`\r${epochs} epochs`);
      if (!parsed.console || epoch < (range.from ?? 0)) return;
      for (const output of outputs) {
        if (output.kind === 'consoleBytes') process.stdout.write(output.bytes);
      }
    },
  });
  if (showProgress) process.stderr.write('\r');
  const tookMs = Math.round(performance.now() - startedAtMs);
  const damage = source.damage();
  if (damage) say(damage.message);
  if (parsed.json) process.stdout.write(`${JSON.stringify({ ...report, tookMs })}\n`);
  else say(wordsOf(report, tookMs));
  return report.firstDivergence ? exitStatus.checkFailed : exitStatus.done;
}

function say(line: string): void {
  process.stderr.write(`ftvm: ${line}\n`);
}

function rangeOf({ from, until }: ReplayArguments): ReplayRange {
  if (from !== undefined && until !== undefined && from > until) {
    throw new UsageError(
      `--from ${from} is after --until ${until}`,
      'Name an earlier epoch first.',
    );
  }
  return { ...(from !== undefined && { from }), ...(until !== undefined && { until }) };
}

function wordsOf(report: ReplayReport, tookMs: number): string {
  const { epochs, digestsCompared, outputBytes, firstDivergence, crashed } = report;
  if (firstDivergence) {
    return `DIVERGED at epoch ${firstDivergence.epoch}: ${firstDivergence.difference} (${digestsCompared} digests before it were equal)`;
  }
  const end = crashed ? `; the guest crashed at epoch ${crashed.epoch}, as recorded` : '';
  const place = report.lastEpoch === epochs ? '' : `, to epoch ${report.lastEpoch},`;
  return `replayed ${epochs} epochs${place} in ${(tookMs / 1000).toFixed(1)} s: ${digestsCompared} digests and ${outputBytes} console bytes equal${end}`;
}

function checkBuild({ build }: LogFileHeader): void {
  const ours = buildInfo();
  for (const field of ['v86', 'v86Wasm', 'architecture'] as const) {
    if (build[field] !== ours[field]) {
      throw new ReplayBuildError(
        `The log was recorded with ${field} ${build[field] ?? 'unknown'}, this is ${ours[field]}`,
      );
    }
  }
}

/** The spec with each boot file where it is now; the content must be what was recorded. */
async function locateFiles(spec: MachineSpec, vmDir: string | undefined): Promise<MachineSpec> {
  const { bios, vgaBios, kernel, initrd } = spec.boot;
  const locate = async <F extends FileSpec | null>(file: F): Promise<F> =>
    file && { ...file, path: await find(file, vmDir) };
  const boot = {
    ...spec.boot,
    bios: await locate(bios),
    vgaBios: await locate(vgaBios),
    kernel: kernel && { ...kernel, file: await locate(kernel.file) },
    initrd: await locate(initrd),
  };
  return { ...spec, boot };
}

async function find(file: FileSpec, vmDir: string | undefined): Promise<string> {
  const places = [file.path];
  if (vmDir !== undefined) {
    const boot = join(vmDir, 'boot');
    places.push(...(await readdir(boot).catch(() => [])).map((name) => join(boot, name)));
  }
  for (const place of places) {
    const found = await stat(place).catch(() => null);
    if (found?.size !== file.bytes) continue;
    const sha256 = createHash('sha256')
      .update(await readFile(place))
      .digest('hex');
    if (sha256 === file.sha256) return place;
  }
  throw new ReplayFileError(
    `The machine booted from ${file.path} (SHA-256 ${file.sha256.slice(0, 12)}), which is not here`,
  );
}
