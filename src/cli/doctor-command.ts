import { createRequire } from 'node:module';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { GenerationRecord } from '../arbiter/generation-record.js';
import { FtvmError } from '../errors.js';
import type { Diagnostics } from '../host/diagnostics.js';
import { FileGenerationStore } from '../node/file-generation-store.js';
import { HttpListener } from '../node/http-listener.js';
import { DEFAULT_IMAGE, findBios, findImage } from '../node/image-catalogue.js';
import { ProcessWill } from '../node/process-will.js';
import { UdpDatagrams } from '../node/udp-datagrams.js';
import { openVm } from '../node/vm-directory.js';
import { inspectDisks } from '../node/vm-disks.js';
import { diskLine } from './disk-command.js';
import { VmMissingError } from '../node/vm-error.js';
import { buildInfo, ftvmVersion } from './build-info.js';
import { exitStatus } from './exit-status.js';
import { statusOfVm } from './status-command.js';
import { defaultVmDir } from './vm-arguments.js';

/** One thing that must be right for a replica to run here: what was found, or what is wrong. */
interface Check {
  readonly name: string;
  readonly run: (vmDir: string) => Promise<string>;
}

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .argument('[vm-dir]', 'directory of a VM, or where one will be', defaultVmDir)
    .description('check Node, image, ports, permissions and the shared disk')
    .addHelpText('after', '\nExample, on each host of a VM:\n  $ ftvm doctor /mnt/shared/vm')
    .action(async (dir: string) => {
      let failed = 0;
      for (const { name, run } of checks) {
        try {
          process.stdout.write(`ok    ${name}: ${await run(resolve(dir))}\n`);
        } catch (error) {
          failed += 1;
          const why = error instanceof Error ? error.message : String(error);
          const remedy = error instanceof FtvmError ? `\n      ${error.remedy}` : '';
          process.stdout.write(`FAIL  ${name}: ${why}${remedy}\n`);
        }
      }
      process.exitCode = failed === 0 ? exitStatus.done : exitStatus.environment;
    });
}

const checks: readonly Check[] = [
  { name: 'ftvm', run: () => Promise.resolve(describeBuild()) },
  { name: 'Node', run: () => Promise.resolve(checkNode()) },
  {
    name: 'image',
    run: async () => {
      await findBios();
      return `${(await findImage(DEFAULT_IMAGE)).name} and BIOS are there`;
    },
  },
  {
    name: 'ports',
    run: async () => {
      const http = await HttpListener.listen(silent, { host: '127.0.0.1', port: 0 });
      const udp = await UdpDatagrams.bind({ host: '127.0.0.1', port: 0 }, () => undefined);
      udp.close();
      await http.close();
      return 'TCP and UDP on the loopback interface';
    },
  },
  {
    name: 'sudden death',
    run: () =>
      Promise.resolve(
        ProcessWill.isPossible()
          ? 'peers are told at once when a replica is killed'
          : 'peers learn it when the kernel closes its links; with setpriv (util-linux) and bash they are told at once',
      ),
  },
  { name: 'shared disk', run: checkSharedDisk },
  {
    name: 'VM',
    run: async (dir) => {
      try {
        const vm = await openVm(dir);
        const disks = vm.disks === 'replicated' ? [] : await inspectDisks(vm);
        const { reason } = await statusOfVm(vm);
        return [`${vm.name}: ${reason}`, ...disks.map(diskLine)].join('\n      ');
      } catch (error) {
        if (error instanceof VmMissingError) return `none in ${dir} yet`;
        throw error;
      }
    },
  },
];

function describeBuild(): string {
  const { v86, v86Wasm, logVersion } = buildInfo();
  return `${ftvmVersion}, v86 ${v86} (wasm ${v86Wasm.slice(0, 12)}), log version ${logVersion}`;
}

/** Too old a Node is said by name; engines in package.json only warns. */
class NodeTooOldError extends FtvmError {
  readonly code = 'FTVM_NODE_TOO_OLD';
  readonly remedy = 'Install a current Node.js.';
}

function checkNode(): string {
  const { version } = process;
  const require = createRequire(import.meta.url);
  const { engines } = require('../../package.json') as { engines: { node: string } };
  const [major = 0, minor = 0] = version.slice(1).split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new NodeTooOldError(`Node ${version}, ftvm needs ${engines.node}`);
  }
  return `${version} on ${process.platform} ${process.arch}`;
}

/** The storage does not do what the test-and-set needs. */
class SharedDiskError extends FtvmError {
  readonly code = 'FTVM_SHARED_DISK';
  readonly remedy =
    'Put VM_DIR on a file system with atomic exclusive create: a local one, or NFS version 3 or 4.';
}

/** Exclusive create, and that the loser and a reader see what the winner wrote. */
async function checkSharedDisk(vmDir: string): Promise<string> {
  const place = await mkdtemp(join(dirname(vmDir), '.ftvm-doctor-')).catch((cause: unknown) => {
    throw new SharedDiskError(`Cannot write beside ${vmDir}`, { cause });
  });
  try {
    const generations = join(place, 'generations');
    await mkdir(generations);
    const record = (replica: string): GenerationRecord => ({
      generation: 1,
      vm: 'doctor',
      holder: { replica, pid: process.pid, host: 'doctor', endpoint: 'ws://-', api: 'http://-' },
      inSync: [],
      reason: 'start',
      claimedAt: new Date().toISOString(),
    });
    const claims = ['a', 'b', 'c', 'd'].map((name) =>
      new FileGenerationStore(generations).claim(record(name)),
    );
    const outcomes = await Promise.all(claims);
    const winners = outcomes.filter(({ kind }) => kind === 'won').length;
    if (winners !== 1) {
      throw new SharedDiskError(`${winners} of ${outcomes.length} exclusive creates succeeded`);
    }
    const latest = await new FileGenerationStore(generations).latest();
    if (latest.kind !== 'found') throw new SharedDiskError('What was created cannot be read');
    return `exclusive create and visibility hold beside ${vmDir}${isTemporary(vmDir)}`;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

function isTemporary(dir: string): string {
  return dir.startsWith(tmpdir()) ? ' (a temporary directory: it may be cleaned up)' : '';
}

const silent: Diagnostics = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
