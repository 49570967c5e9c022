import { createHash } from 'node:crypto';
import { open, readFile, realpath } from 'node:fs/promises';
import { wholeSectors } from './file-sector-store.js';
import type { GuestImage } from './guest-image.js';
import { MemorySizeError, OptionFileError, VmOptionsError } from './option-error.js';
import { MEMORY_MIB_MAX, MEMORY_MIB_MIN, type DiskMode } from './vm-file.js';

/**
 * What a new VM is made of, as the options of `ftvm run` say it. Left out means: as the image, or
 * the default, has it.
 */
export interface VmOptions {
  /** A shipped image by name, or the directory of one. */
  readonly image?: string | undefined;
  readonly kernel?: string | undefined;
  readonly initrd?: string | undefined;
  /** Added to the end of the kernel's command line. */
  readonly append?: string | undefined;
  /** A raw image, used where it is. */
  readonly disk?: string | undefined;
  /** An ISO image, used where it is and never written. */
  readonly cdrom?: string | undefined;
  readonly memoryMiB?: number | undefined;
  readonly nic?: 'virtio' | 'ne2k' | 'none' | undefined;
  readonly services?: readonly string[] | undefined;
  readonly console?: 'serial' | 'screen' | undefined;
  readonly acpi?: boolean | undefined;
  readonly jit?: boolean | undefined;
  readonly disks?: DiskMode | undefined;
  readonly arbiter?: string | undefined;
}

/** Errors: MemorySizeError, VmOptionsError for what makes no sense whatever the files are. */
export function checkVmOptions(options: VmOptions): void {
  const { memoryMiB } = options;
  if (memoryMiB !== undefined) {
    const fits = memoryMiB >= MEMORY_MIB_MIN && memoryMiB <= MEMORY_MIB_MAX;
    if (!Number.isInteger(memoryMiB) || !fits) {
      throw new MemorySizeError(`memory of ${memoryMiB} MiB`, MEMORY_MIB_MIN, MEMORY_MIB_MAX);
    }
  }
  if (wantsImage(options) || options.kernel !== undefined) return;
  for (const name of ['initrd', 'append'] as const) {
    if (options[name] === undefined) continue;
    throw new VmOptionsError(
      `--${name} is for a kernel, and this VM boots from its drive`,
      `Give --kernel or --image too, or leave --${name} out.`,
    );
  }
}

/** Whether an image is part of the machine: when named, or when nothing else is there to boot. */
export function wantsImage({ image, kernel, disk, cdrom }: VmOptions): boolean {
  return image !== undefined || (kernel ?? disk ?? cdrom) === undefined;
}

/** Errors: VmOptionsError for a service that the image does not have. */
export function checkServices(services: readonly string[], image: GuestImage | null): void {
  if (services.length > 0 && image === null) {
    throw new VmOptionsError(
      '--service is for guest images, and this VM boots what you brought',
      'Leave --service out, or give --image.',
    );
  }
  for (const service of services) {
    const names = image?.services.map(({ name }) => name) ?? [];
    if (image === null || names.includes(service)) continue;
    throw new VmOptionsError(
      `The image ${image.name} has no service ${service}`,
      `Choose from: ${names.join(', ') || 'it has none'}.`,
    );
  }
}

/** Errors: VmOptionsError for a display that nobody writes to. */
export function checkConsole({ console }: VmOptions, image: GuestImage | null): void {
  if (console !== 'screen' || image === null) return;
  throw new VmOptionsError(
    `--console screen shows a PC's display, and the image ${image.name} talks to its serial port`,
    'Leave --console out, or boot what you brought: --disk, --cdrom or --kernel without --image.',
  );
}

/** A small file named by an option, whole. Errors: OptionFileError. */
export async function readOptionFile(
  option: string,
  path: string,
): Promise<{ readonly data: Buffer; readonly sha256: string }> {
  try {
    const data = await readFile(path);
    if (data.byteLength === 0) throw new Error('the file is empty');
    return { data, sha256: createHash('sha256').update(data).digest('hex') };
  } catch (cause) {
    throw new OptionFileError(option, path, { cause });
  }
}

/**
 * A drive image named by an option: the path it really has, and its size as the guest sees it.
 * Errors: OptionFileError when it cannot be used as `mode` asks.
 */
export async function inspectDrive(
  option: string,
  path: string,
  mode: 'r' | 'r+',
): Promise<{ readonly path: string; readonly bytes: number }> {
  try {
    const real = await realpath(path);
    const file = await open(real, mode);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new Error('it is no regular file');
      if (found.size === 0) throw new Error('the file is empty');
      return { path: real, bytes: wholeSectors(found.size) };
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new OptionFileError(option, path, { cause });
  }
}
