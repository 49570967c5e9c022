import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FtvmError } from '../errors.js';
import { createVm, type Vm } from '../node/vm-directory.js';
import { median, round, type Yardstick, type YardstickRow } from './bench-report.js';
import { BenchError, GuestProcess } from './guest-process.js';
import { BenchGuest, ways } from './guest-trio.js';

/** The program of the second yardstick is not there. */
export class QemuMissingError extends FtvmError {
  readonly code = 'FTVM_QEMU_MISSING';
  readonly remedy =
    'Install it (on Debian the package is qemu-system-x86), or measure without --qemu.';

  constructor(options?: ErrorOptions) {
    super('qemu-system-i386 does not run here', options);
  }
}

/** Its version, as it says it. Errors: QemuMissingError. */
export async function findQemu(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(qemu, ['--version']);
    return stdout.split('\n')[0] ?? '';
  } catch (cause) {
    throw new QemuMissingError({ cause });
  }
}

/** The commands, and what the host sees of each: a word before it and one after. */
const work: readonly { readonly name: string; readonly command: string }[] = [
  { name: 'shell loop, 100k turns', command: 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done' },
  {
    name: 'md5sum, 64 MiB',
    command: 'dd if=/dev/zero bs=1M count=64 2>/dev/null | md5sum >/dev/null',
  },
  {
    name: 'dd, 200k blocks',
    command: 'dd if=/dev/zero of=/dev/null bs=512 count=200000 2>/dev/null',
  },
  {
    name: 'gzip, busybox five times',
    command: 'for i in 1 2 3 4 5; do gzip -c /bin/busybox >/dev/null; done',
  },
];

type Column = Exclude<keyof YardstickRow, 'name' | 'unit'>;
type Take = (column: Column, seconds: readonly number[]) => void;

/**
 * The same kernel, image and commands under QEMU's record and replay, and here. Guest time under
 * `-icount` is made up, so it is the host that takes the time between two words on the console.
 */
export async function measureYardstick(
  version: string,
  repetitions: number,
  root: string,
  say: (line: string) => void,
): Promise<Yardstick> {
  const taken = new Map<Column, number[][]>();
  const take: Take = (column, seconds) => {
    taken.set(column, [...(taken.get(column) ?? []), [...seconds]]);
  };
  for (let turn = 1; turn <= repetitions; turn += 1) {
    const dir = join(root, `yardstick-${turn}`);
    await mkdir(dir);
    const begin = (what: string): void => say(`yardstick ${turn} of ${repetitions}: ${what}`);
    await measureQemu(dir, take, begin);
    for (const way of ways) {
      begin(way === 'plain' ? 'plain v86' : way);
      const machine = await BenchGuest.boot(way, join(dir, way));
      take(way, await typedWork(machine.guest));
      await machine.end();
    }
    await measureRecording(dir, take, begin);
  }
  const medianOf = (column: Column, place: number): number =>
    round(median((taken.get(column) ?? []).map((seconds) => seconds[place] ?? 0)));
  const rows = work.map(({ name }, place): YardstickRow => ({
    name,
    unit: 's',
    qemu: medianOf('qemu', place),
    qemuRecording: medianOf('qemuRecording', place),
    qemuReplaying: medianOf('qemuReplaying', place),
    plain: medianOf('plain', place),
    alone: medianOf('alone', place),
    protected: medianOf('protected', place),
    recording: medianOf('recording', place),
    replaying: medianOf('replaying', place),
  }));
  return { version, rows };
}

// --- here ------------------------------------------------------------------------------------

async function measureRecording(
  dir: string,
  take: Take,
  begin: (what: string) => void,
): Promise<void> {
  const vmDir = join(dir, 'recorded');
  const log = join(dir, 'run.log');
  await createVm(vmDir);
  begin('recording');
  const recorder = GuestProcess.ftvm('record', vmDir, '--out', log);
  await recorder.expect(prompt);
  take('recording', await typedWork(recorder));
  recorder.type('poweroff\n');
  await recorder.ended();
  begin('replaying');
  const player = GuestProcess.ftvm('replay', log, '--console');
  take('replaying', await watchedWork(player));
  await player.ended();
}

const prompt = /guest:[^\n]*# $/;

/** Types each command between two words that the shell computes, so that no echo looks like them. */
async function typedWork(guest: GuestProcess): Promise<number[]> {
  const seconds: number[] = [];
  for (const [place, { command }] of work.entries()) {
    guest.type(`echo m$((${2 * place}))k; ${command}; echo m$((${2 * place + 1}))k\n`);
    seconds.push(await secondsOf(guest, place));
  }
  return seconds;
}

async function watchedWork(guest: GuestProcess): Promise<number[]> {
  const seconds: number[] = [];
  for (const place of work.keys()) seconds.push(await secondsOf(guest, place));
  return seconds;
}

async function secondsOf(guest: GuestProcess, place: number): Promise<number> {
  await guest.expect(new RegExp(`m${2 * place}k`));
  const startedAtMs = performance.now();
  await guest.expect(new RegExp(`m${2 * place + 1}k`));
  return (performance.now() - startedAtMs) / 1000;
}

// --- under QEMU ------------------------------------------------------------------------------

const qemu = 'qemu-system-i386';

async function measureQemu(dir: string, take: Take, begin: (what: string) => void): Promise<void> {
  const vm = await createVm(join(dir, 'qemu'));
  await writeScript(join(dir, 'script.img'));
  begin('QEMU');
  take('qemu', await underQemu(vm, dir, null));
  begin('QEMU, recording');
  take('qemuRecording', await underQemu(vm, dir, 'record'));
  begin('QEMU, replaying');
  take('qemuReplaying', await underQemu(vm, dir, 'replay'));
}

/** The commands as the content of a second disk: QEMU's recorder loses what is typed too quickly. */
async function writeScript(path: string): Promise<void> {
  const lines = work.map(
    ({ command }, place) => `echo m${2 * place}k\n${command}\necho m${2 * place + 1}k\n`,
  );
  await writeFile(path, `${lines.join('')}exit\n`.padEnd(scriptBytes, '\n'));
}

const scriptBytes = 64 * 1024;

async function underQemu(
  vm: Vm,
  dir: string,
  mode: 'record' | 'replay' | null,
): Promise<readonly number[]> {
  const { kernel, commandLine } = vm.spec.boot;
  const disk = vm.spec.drives.find(({ name }) => name === 'hda');
  if (!kernel || !disk) throw new BenchError('The yardstick boots the shipped image');
  // Each run from the same content: what a run writes is no part of the next.
  const copy = join(dir, 'disk.img');
  await copyFile(disk.path, copy);
  const guest = new GuestProcess(qemu, [
    ...['-accel', 'tcg', '-m', String(vm.spec.memoryMiB), '-nodefaults', '-no-reboot'],
    ...['-display', 'none', '-monitor', 'none', '-net', 'none', '-serial', 'stdio'],
    ...['-kernel', kernel.file.path, '-append', `${commandLine} console=ttyS0`],
    ...[copy, join(dir, 'script.img')].flatMap((path, place) => drive(path, `d${place}`, mode)),
    ...(mode ? ['-icount', `shift=auto,rr=${mode},rrfile=${join(dir, 'qemu.rr')}`] : []),
  ]);
  await guest.expect(prompt);
  if (mode !== 'replay') guest.type('sh /dev/sdb\n');
  const seconds = await watchedWork(guest);
  // Not a kill: what was recorded is complete once QEMU has written the rest of it.
  guest.process.kill('SIGTERM');
  await guest.ended();
  return seconds;
}

/** Record and replay want their own driver between the card and the file. */
function drive(path: string, id: string, mode: string | null): string[] {
  if (mode === null) return ['-drive', `file=${path},format=raw,if=ide`];
  return [
    ...['-drive', `file=${path},format=raw,if=none,id=${id}`],
    ...['-drive', `driver=blkreplay,if=none,image=${id},id=r${id}`],
    ...['-device', `ide-hd,drive=r${id}`],
  ];
}
