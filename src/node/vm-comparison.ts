import { realpath } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { findImage } from './image-catalogue.js';
import { VmOptionDiffersError } from './option-error.js';
import type { VmFile } from './vm-file.js';
import { readOptionFile, type VmOptions } from './vm-options.js';

/**
 * Options given for a VM that exists must say what it was created with; those left out agree with
 * anything. Files are compared by content, drives by the file they are.
 *
 * Errors: VmOptionDiffersError, and those of files and images that cannot be read.
 */
export async function checkSameOptions(dir: string, file: VmFile, given: VmOptions): Promise<void> {
  const { spec } = file;
  const check = (option: string, stored: string, wanted: string | undefined): void => {
    if (wanted === undefined || wanted === stored) return;
    throw new VmOptionDiffersError(dir, option, stored || '(nothing)', wanted || '(nothing)');
  };
  check('--memory', `${spec.memoryMiB}`, given.memoryMiB?.toString());
  check('--nic', spec.nic?.model ?? 'none', given.nic);
  check('--append', file.append, given.append);
  check('--service', file.services.join(','), given.services?.join(','));
  check('--console', spec.console ?? 'serial', given.console);
  check('--acpi', `${spec.acpi}`, given.acpi?.toString());
  check('--jit', `${spec.jit}`, given.jit?.toString());
  check('--disk-mode', file.disks, given.disks);
  check('--arbiter', file.arbiter ?? 'none', given.arbiter);
  if (given.image !== undefined) {
    check('--image', file.image?.name ?? 'none', (await findImage(given.image)).name);
  }
  const hashOf = async (option: 'kernel' | 'initrd'): Promise<string | undefined> => {
    const path = given[option];
    return path === undefined ? undefined : (await readOptionFile(`--${option}`, path)).sha256;
  };
  const shown = (sha256: string | undefined): string => (sha256 ? `of sha256 ${sha256}` : 'none');
  const kernel = await hashOf('kernel');
  if (kernel) check('--kernel', shown(spec.boot.kernel?.file.sha256), shown(kernel));
  const initrd = await hashOf('initrd');
  if (initrd) check('--initrd', shown(spec.boot.initrd?.sha256), shown(initrd));
  check('--disk', ownDrive(file, false), await realPathOf(given.disk));
  check('--cdrom', ownDrive(file, true), await realPathOf(given.cdrom));
}

/** The path of a drive its owner brought: one of our own making has a relative path. */
function ownDrive({ spec }: VmFile, isCdrom: boolean): string {
  const found = spec.drives.find(
    ({ name, path }) => isAbsolute(path) && (name === 'cdrom') === isCdrom,
  );
  return found?.path ?? 'none';
}

async function realPathOf(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  // A file that is gone is no reason to complain about options: opening the VM says it better.
  return realpath(path).catch(() => resolve(path));
}
