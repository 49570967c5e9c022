import type { DriveName } from '../guest/disk-request.js';
import type { BootSpec, DriveSpec, FileSpec, MachineSpec, NicSpec } from '../guest/machine-spec.js';
import type { TemplateRules } from '../guest/warm-start.js';
import {
  choiceField,
  flagField,
  JsonFieldError,
  listField,
  nullable,
  objectField,
  textField,
  wholeField,
} from './json-field.js';
import { VmFileFieldError, VmFileSyntaxError, VmFileVersionError } from './vm-error.js';

export const VM_FILE_VERSION = 1;
/** What a machine may have: below, Linux does not fit; above, v86's address space ends. */
export const MEMORY_MIB_MIN = 12;
export const MEMORY_MIB_MAX = 3072;

/**
 * What `vm.json` says: the machine, and the options it was made from that the machine does not show.
 *
 * Shape:  paths in `spec` are relative to the directory of the file when they lie inside it, so that
 *         each host may mount it where it likes, and absolute otherwise.
 */
export interface VmFile {
  /** A UUID: two directories are two VMs. */
  readonly id: string;
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** Null when the VM boots what its owner brought. */
  readonly image: VmImage | null;
  readonly services: readonly string[];
  readonly append: string;
  readonly disks: DiskMode;
  /** `http://host:port` of who decides who is live; null: the directory itself, on a shared disk. */
  readonly arbiter: string | null;
  readonly spec: MachineSpec;
}

/**
 * Where the guest's disks are: `shared`, and the data of its reads in the log; `backupReads`, shared,
 * and each replica reads for itself (FT paper §4.2); `replicated`, a copy for each replica (§4.1).
 */
export type DiskMode = (typeof diskModes)[number];
export const diskModes = ['shared', 'backupReads', 'replicated'] as const;

export interface VmImage {
  readonly name: string;
  /** As in the image's own description: a regular expression, and a text; null if it has none. */
  readonly prompt: string | null;
  readonly ready: string | null;
  /** Null, too, for a VM that was made before there were templates. */
  readonly template: TemplateRules | null;
}

export function encodeVmFile(file: VmFile): string {
  return `${JSON.stringify({ version: VM_FILE_VERSION, ...file }, null, 2)}\n`;
}

/** Reads the text of `path`. Errors: VmFileSyntaxError, VmFileVersionError, VmFileFieldError. */
export function decodeVmFile(path: string, text: string): VmFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new VmFileSyntaxError(path, { cause });
  }
  try {
    const fields = objectField('the file', value);
    const version = wholeField('version', fields.version, 1, Number.MAX_SAFE_INTEGER);
    if (version > VM_FILE_VERSION) throw new VmFileVersionError(path, VM_FILE_VERSION, version);
    return {
      id: textField('id', fields.id, /^[0-9a-f-]{36}$/),
      name: textField('name', fields.name),
      createdAt: textField('createdAt', fields.createdAt),
      image: nullable('image', fields.image, imageOf),
      services: listField('services', fields.services).map((each, i) =>
        textField(`services[${i}]`, each),
      ),
      append: textField('append', fields.append),
      arbiter: fields.arbiter === undefined ? null : nullable('arbiter', fields.arbiter, urlOf),
      disks: fields.disks === undefined ? 'shared' : choiceField('disks', fields.disks, diskModes),
      spec: specOf('spec', fields.spec),
    };
  } catch (cause) {
    if (cause instanceof JsonFieldError) throw new VmFileFieldError(path, { cause });
    throw cause;
  }
}

function urlOf(at: string, value: unknown): string {
  return textField(at, value, /^http:\/\/[^/\s]+$/);
}

function imageOf(at: string, value: unknown): VmImage {
  const fields = objectField(at, value);
  return {
    name: textField(`${at}.name`, fields.name),
    prompt: nullable(`${at}.prompt`, fields.prompt, textField),
    ready: nullable(`${at}.ready`, fields.ready, textField),
    template: nullable(`${at}.template`, fields.template ?? null, templateRulesOf),
  };
}

/** As the manifest of an image says it, too. */
export function templateRulesOf(at: string, value: unknown): TemplateRules {
  const fields = objectField(at, value);
  return {
    argument: textField(`${at}.argument`, fields.argument, /^\S+$/),
    ready: textField(`${at}.ready`, fields.ready, /./),
  };
}

function specOf(at: string, value: unknown): MachineSpec {
  const fields = objectField(at, value);
  return {
    memoryMiB: wholeField(`${at}.memoryMiB`, fields.memoryMiB, MEMORY_MIB_MIN, MEMORY_MIB_MAX),
    vgaMemoryMiB: wholeField(`${at}.vgaMemoryMiB`, fields.vgaMemoryMiB, 1, 256),
    nic: nullable(`${at}.nic`, fields.nic, nicOf),
    boot: bootOf(`${at}.boot`, fields.boot),
    drives: listField(`${at}.drives`, fields.drives).map((each, i) =>
      driveOf(`${at}.drives[${i}]`, each),
    ),
    acpi: flagField(`${at}.acpi`, fields.acpi),
    jit: flagField(`${at}.jit`, fields.jit),
    ...(fields.console !== undefined && {
      console: choiceField(`${at}.console`, fields.console, ['screen']),
    }),
    chanceSeed: wholeField(`${at}.chanceSeed`, fields.chanceSeed, 0, 2 ** 32 - 1),
    wallClockAtStartMs: wholeField(
      `${at}.wallClockAtStartMs`,
      fields.wallClockAtStartMs,
      0,
      Number.MAX_SAFE_INTEGER,
    ),
  };
}

function nicOf(at: string, value: unknown): NicSpec {
  const fields = objectField(at, value);
  return {
    model: choiceField(`${at}.model`, fields.model, ['ne2k', 'virtio']),
    mac: textField(`${at}.mac`, fields.mac, /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/),
  };
}

function bootOf(at: string, value: unknown): BootSpec {
  const fields = objectField(at, value);
  return {
    bios: nullable(`${at}.bios`, fields.bios, fileOf),
    vgaBios: nullable(`${at}.vgaBios`, fields.vgaBios, fileOf),
    kernel: nullable(`${at}.kernel`, fields.kernel, kernelOf),
    initrd: nullable(`${at}.initrd`, fields.initrd, fileOf),
    commandLine: textField(`${at}.commandLine`, fields.commandLine),
  };
}

function kernelOf(at: string, value: unknown): NonNullable<BootSpec['kernel']> {
  const fields = objectField(at, value);
  return {
    format: choiceField(`${at}.format`, fields.format, ['multiboot', 'bzimage']),
    file: fileOf(`${at}.file`, fields.file),
  };
}

function fileOf(at: string, value: unknown): FileSpec {
  const fields = objectField(at, value);
  return {
    path: pathOf(`${at}.path`, fields.path),
    bytes: wholeField(`${at}.bytes`, fields.bytes, 1, Number.MAX_SAFE_INTEGER),
    sha256: textField(`${at}.sha256`, fields.sha256, /^[0-9a-f]{64}$/),
  };
}

const driveNames: readonly DriveName[] = ['hda', 'hdb', 'cdrom'];

function driveOf(at: string, value: unknown): DriveSpec {
  const fields = objectField(at, value);
  return {
    name: choiceField(`${at}.name`, fields.name, driveNames),
    path: pathOf(`${at}.path`, fields.path),
    bytes: wholeField(`${at}.bytes`, fields.bytes, 512, Number.MAX_SAFE_INTEGER),
  };
}

/** No system call takes a NUL, and an empty path would name the directory itself. */
function pathOf(at: string, value: unknown): string {
  return textField(at, value, /^[^\u0000]+$/);
}

/** The same machine with each of its paths put through `change`. */
export function mapPaths(spec: MachineSpec, change: (path: string) => string): MachineSpec {
  const file = <File extends { readonly path: string }>(each: File): File => ({
    ...each,
    path: change(each.path),
  });
  const { boot } = spec;
  return {
    ...spec,
    drives: spec.drives.map(file),
    boot: {
      ...boot,
      bios: boot.bios && file(boot.bios),
      vgaBios: boot.vgaBios && file(boot.vgaBios),
      kernel: boot.kernel && { ...boot.kernel, file: file(boot.kernel.file) },
      initrd: boot.initrd && file(boot.initrd),
    },
  };
}
