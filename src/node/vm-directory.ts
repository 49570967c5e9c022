import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { MachineSpec } from '../guest/machine-spec.js';
import { errnoOf } from './errno.js';
import { syncDirectory } from './exclusive-file.js';
import { buildVm, type VmProgress } from './vm-builder.js';
import { checkSameOptions } from './vm-comparison.js';
import { draftOf, removeDeadDrafts } from './vm-draft.js';
import {
  GenerationsMissingError,
  VmDirFullError,
  VmDirNotDirectoryError,
  VmDirNotWritableError,
  VmDirOccupiedError,
  VmMissingError,
  VmUnreadableError,
} from './vm-error.js';
import { decodeVmFile, mapPaths, type DiskMode, type VmFile, type VmImage } from './vm-file.js';
import { inspectFiles } from './vm-inspection.js';
import { checkVmOptions, type VmOptions } from './vm-options.js';

/** A VM, ready to run: its files have been looked at, and every path in `spec` is absolute. */
export interface Vm {
  /** A UUID. */
  readonly id: string;
  readonly name: string;
  readonly dir: string;
  /** Where the generation files are. */
  readonly generationsDir: string;
  readonly spec: MachineSpec;
  /** Null when the VM boots what its owner brought. */
  readonly image: VmImage | null;
  readonly services: readonly string[];
  readonly disks: DiskMode;
  readonly arbiter: string | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/** Opens the VM in `dir`. Errors: those of `vm-error.ts`. */
export async function openVm(dir: string): Promise<Vm> {
  const path = resolve(dir);
  return vmOf(path, await readVmFile(path));
}

/**
 * Creates the VM in `dir`, or opens the one that is there, provided that the options agree with it.
 *
 * The VM is built beside its place and moved there whole, so a VM directory is complete or absent;
 * of several processes that create one at once, one moves first and the others open what it made.
 *
 * Errors: those of `vm-error.ts`, `option-error.ts` and `image-error.ts`.
 */
export async function createVm(
  dir: string,
  options: VmOptions = {},
  progress: VmProgress = () => undefined,
): Promise<Vm> {
  checkVmOptions(options);
  const path = resolve(dir);
  if (!(await isOccupied(path))) {
    await removeDeadDrafts(path);
    await build(path, options, progress);
  }
  const file = await readVmFile(path);
  await checkSameOptions(path, file, options);
  return vmOf(path, file);
}

/** Whether a VM is there. Rejects if something else is. */
async function isOccupied(dir: string): Promise<boolean> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return false;
    if (errnoOf(cause) === 'ENOTDIR') throw new VmDirNotDirectoryError(dir, { cause });
    throw new VmUnreadableError(dir, { cause });
  }
  if (names.length > 0 && !names.includes('vm.json')) {
    throw new VmDirOccupiedError(dir, `it has other files (${names[0]}) and no vm.json`);
  }
  return names.length > 0;
}

async function build(dir: string, options: VmOptions, progress: VmProgress): Promise<void> {
  const draft = draftOf(dir);
  try {
    await makeDirectory(draft);
    await buildVm(draft, basename(dir), options, progress);
    await rename(draft, dir);
    await syncDirectory(dirname(dir));
  } catch (cause) {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
    // A directory that is not empty is never replaced: somebody was there first.
    if (['ENOTEMPTY', 'EEXIST'].includes(errnoOf(cause)) && (await isOccupied(dir))) return;
    throw creationError(dir, cause);
  }
}

/**
 * Makes a directory and those above it. Not with the `recursive` of mkdir, which tries for ever where
 * a directory cannot be made and its parent exists all the same: in /proc, behind a dangling link.
 */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path)).catch((above: unknown) => {
      if (errnoOf(above) !== 'EEXIST') throw above;
    });
    await mkdir(path);
  }
}

function creationError(dir: string, cause: unknown): unknown {
  switch (errnoOf(cause)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new VmDirFullError(dir, { cause });
    case 'ENOTDIR':
    case 'EEXIST':
      return new VmDirNotDirectoryError(dir, { cause });
    case 'EBUSY':
    case 'EXDEV':
      return new VmDirOccupiedError(dir, 'a disk is mounted there', { cause });
    default: {
      // Whatever else the operating system refuses; any other error is not about the directory.
      const isRefusal = cause instanceof Error && 'syscall' in cause;
      return isRefusal ? new VmDirNotWritableError(dir, { cause }) : cause;
    }
  }
}

async function readVmFile(dir: string): Promise<VmFile> {
  const path = join(dir, 'vm.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') throw new VmMissingError(dir, { cause });
    if (errnoOf(cause) === 'ENOTDIR') throw new VmDirNotDirectoryError(dir, { cause });
    throw new VmUnreadableError(path, { cause });
  }
  return decodeVmFile(path, text);
}

async function vmOf(dir: string, file: VmFile): Promise<Vm> {
  const { id, name, createdAt, image, services, disks, arbiter } = file;
  const spec = mapPaths(file.spec, (path) => resolve(dir, path));
  const generationsDir = join(dir, 'generations');
  const found = await stat(generationsDir).catch(() => null);
  if (!found?.isDirectory()) throw new GenerationsMissingError(generationsDir);
  await inspectFiles(spec);
  return { id, name, dir, generationsDir, spec, image, services, disks, arbiter, createdAt };
}
