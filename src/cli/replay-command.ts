import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { FtvmError } from '../errors.js';
import type { FileSpec, MachineSpec } from '../guest/machine-spec.js';
import { LogFileReader } from '../log/log-file-reader.js';
import { LogCorruptError } from '../log/log-corrupt-error.js';
import type { LogFileHeader } from '../log/log-file.js';
import type { LogRecord } from '../log/log-record.js';
import { reasonOf } from '../node/errno.js';
import { replayLog, type ReplayReport } from '../replay/replay-log.js';
import { createV86Vcpu } from '../vcpu/v86-vcpu.js';
import { buildInfo } from './build-info.js';
import { exitStatus } from './exit-status.js';

interface ReplayArguments {
  readonly vm?: string;
  readonly console?: true;
  readonly json?: true;
}

export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .argument('<file>', 'a log that ftvm record wrote')
    .description('run a recorded log again and compare every digest')
    .option('--vm <vm-dir>', 'look for kernel, initrd and BIOS in this VM, not where they were')
    .option('--console', "show the guest's console on stdout")
    .option('--json', 'the report as one JSON object on stdout')
    .addHelpText(
      'after',
      `
Exit status 0: every digest and every output byte equal; 6: it diverged, and where.

Example:
  $ ftvm replay run.log --console`,
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

/** The log file cannot be read at all. */
class LogFileUnreadableError extends FtvmError {
  readonly code = 'FTVM_LOG_FILE_UNREADABLE';
  readonly remedy = 'Name a file that ftvm record wrote.';
}

/** The log was made by another emulator: a difference would say nothing. */
class ReplayBuildError extends FtvmError {
  readonly code = 'FTVM_REPLAY_BUILD';
  readonly remedy = 'Replay it with the build of ftvm that recorded it.';
}

async function replay(file: string, parsed: ReplayArguments): Promise<number> {
  const reader = new LogFileReader();
  const chunks = chunksOf(file)[Symbol.asyncIterator]();
  const first: LogRecord[] = [];
  while (!reader.header) {
    const next = await chunks.next();
    if (next.done) break;
    first.push(...reader.push(next.value));
  }
  if (!reader.header) throw new LogCorruptError(`${file} ends within its header`);
  const header = reader.header;
  checkBuild(header);
  const spec = await locateFiles(header.spec, parsed.vm);
  const startedAtMs = performance.now();
  const showProgress = process.stderr.isTTY && !parsed.console;
  let epochs = 0;
  const report = await replayLog({
    records: recordsOf(reader, first, chunks),
    end: () => reader.end,
    createVcpu: (_snapshot, { event, failed }) => createV86Vcpu({ spec }, event, failed),
    onRan: ({ outputs }) => {
      epochs += 1;
      if (showProgress && epochs % 500 === 0) process.stderr.write(`\r${epochs} epochs`);
      if (!parsed.console) return;
      for (const output of outputs) {
        if (output.kind === 'consoleBytes') process.stdout.write(output.bytes);
      }
    },
  });
  if (showProgress) process.stderr.write('\r');
  const tookMs = Math.round(performance.now() - startedAtMs);
  if (reader.damage) process.stderr.write(`ftvm: ${reader.damage.message}\n`);
  if (parsed.json) process.stdout.write(`${JSON.stringify({ ...report, tookMs })}\n`);
  else process.stderr.write(`ftvm: ${wordsOf(report, tookMs)}\n`);
  return report.firstDivergence ? exitStatus.checkFailed : exitStatus.done;
}

function wordsOf(report: ReplayReport, tookMs: number): string {
  const { epochs, digestsCompared, outputBytes, firstDivergence, crashed } = report;
  if (firstDivergence) {
    return `DIVERGED at epoch ${firstDivergence.epoch}: ${firstDivergence.difference} (${digestsCompared} digests before it were equal)`;
  }
  const end = crashed ? `; the guest crashed at epoch ${crashed.epoch}, as recorded` : '';
  return `replayed ${epochs} epochs in ${(tookMs / 1000).toFixed(1)} s: ${digestsCompared} digests and ${outputBytes} console bytes equal${end}`;
}

async function* chunksOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk as Buffer;
  } catch (cause) {
    throw new LogFileUnreadableError(`Cannot read ${file}: ${reasonOf(cause)}`, { cause });
  }
}

async function* recordsOf(
  reader: LogFileReader,
  first: readonly LogRecord[],
  chunks: AsyncIterator<Uint8Array>,
): AsyncGenerator<LogRecord> {
  yield* first;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    yield* reader.push(next.value);
  }
  reader.finish();
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
