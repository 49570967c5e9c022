import type { Command } from 'commander';
import { LogFileWriter } from '../log/log-file-writer.js';
import { LogSink } from '../node/log-sink.js';
import type { Vm } from '../node/vm-directory.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';
import { plainBuild } from './build-info.js';
import { addReplicaOptions, runReplica, type ReplicaArguments } from './run-command.js';
import { checkSecret } from './secret-option.js';
import { untilStopped } from './signals.js';
import { addVmOptions, defaultVmDir, vmOptionsOf, type VmArguments } from './vm-arguments.js';
import { openOrCreateVm } from './vm-opening.js';

interface RecordArguments extends VmArguments, ReplicaArguments {
  readonly out: string;
}

export function addRecordCommand(program: Command): void {
  const command = program
    .command('record')
    .argument('[vm-dir]', 'directory of the VM; created if it is not there', defaultVmDir)
    .description('run a VM and keep its log in a file, for ftvm replay')
    .requiredOption('--out <file>', 'the log file to write')
    .option('--headless', 'no console on stdin and stdout');
  addVmOptions(command);
  addReplicaOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ ftvm record --out run.log             # type in the guest, then poweroff or Ctrl-] p
  $ ftvm replay run.log`,
    )
    .action(async (dir: string, parsed: RecordArguments) => {
      process.exitCode = await record(dir, parsed);
    });
}

async function record(dir: string, parsed: RecordArguments): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`ftvm: ${line}\n`);
  await checkSecret(parsed, [parsed.listen, parsed.api]);
  LogSink.check(parsed.out);
  return untilStopped(async (stop) => {
    const vm = await openOrCreateVm(dir, vmOptionsOf(parsed), say);
    return recordVm(vm, parsed, say, stop);
  });
}

async function recordVm(
  vm: Vm,
  parsed: RecordArguments,
  say: (line: string) => void,
  stop: AbortSignal,
): Promise<number> {
  const sink = new LogSink(parsed.out);
  const recording = new Recording(vm, sink);
  const full = new AbortController();
  let failure: unknown = null;
  // A disk that is full ends the run in order, not in the middle of whatever wrote.
  const keep = (bytes: Uint8Array): void => {
    if (failure !== null) return;
    try {
      sink.write(bytes);
    } catch (error) {
      failure = error;
      full.abort();
    }
  };
  try {
    const status = await runReplica(
      vm,
      { ...parsed, primary: true },
      {
        onRecord: (entry) => keep(recording.writer.record(entry)),
        onVcpuEvent: (event) => recording.note(event),
      },
      AbortSignal.any([stop, full.signal]),
    );
    keep(recording.writer.end());
    if (failure !== null) throw failure as Error;
    return status;
  } finally {
    sink.close();
    say(`recorded ${recording.epochs} epochs in ${parsed.out}`);
  }
}

/** What goes into the end mark. */
class Recording {
  readonly writer = new LogFileWriter();
  epochs = 0;

  constructor(vm: Vm, sink: LogSink) {
    const build = plainBuild();
    const createdAtMs = Date.now();
    sink.write(this.writer.head({ spec: vm.spec, build, createdAtMs }));
  }

  note(event: VcpuEvent): void {
    if (event.kind === 'crashed') this.writer.crashed(event.epoch);
    if (event.kind !== 'ran') return;
    this.epochs += 1;
    this.writer.ran(event.outputs, event.after);
  }
}
