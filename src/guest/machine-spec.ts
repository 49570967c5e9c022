import type { DriveName } from './disk-request.js';

/**
 * The machine, to the last detail that could make two replicas differ. Both compare its fingerprint
 * before a record moves.
 *
 * Shape:  plain JSON, stored in `vm.json`.
 * Units:  as each name says.
 */
export interface MachineSpec {
  readonly memoryMiB: number;
  readonly vgaMemoryMiB: number;
  readonly nic: NicSpec | null;
  readonly boot: BootSpec;
  readonly drives: readonly DriveSpec[];
  /** Power management tables; the shipped kernel needs none and boots faster without. */
  readonly acpi: boolean;
  /** Compile hot guest code to WebAssembly. Off is the slow reference. */
  readonly jit: boolean;
  /** Where the operator sits: at the text screen and the keyboard of the PC. Left out: at ttyS0. */
  readonly console?: 'screen';
  /** Seeds all chance the guest sees (RDRAND, MAC). 32 bits, drawn once when the VM is created. */
  readonly chanceSeed: number;
  /** The guest's wall clock at virtual time 0: milliseconds since 1970. */
  readonly wallClockAtStartMs: number;
}

export interface NicSpec {
  readonly model: 'ne2k' | 'virtio';
  /** Six bytes, lower case hex with colons. */
  readonly mac: string;
}

/** Files by their SHA-256 (hex): two hosts may keep them in different places. */
export interface BootSpec {
  readonly bios: FileSpec | null;
  readonly vgaBios: FileSpec | null;
  /** A multiboot ELF (the shipped kernel, no BIOS needed) or a bzImage; null boots from a drive. */
  readonly kernel: { readonly format: 'multiboot' | 'bzimage'; readonly file: FileSpec } | null;
  readonly initrd: FileSpec | null;
  readonly commandLine: string;
}
export interface FileSpec {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}
export interface DriveSpec {
  readonly name: DriveName;
  readonly path: string;
  readonly bytes: number;
}

/**
 * What two replicas must agree on, field by field, so that a refusal can name the one that differs.
 * Paths are left out: they may differ between hosts. So is the content of disks: it is shared.
 */
export function fingerprintFields(spec: MachineSpec): Record<string, string> {
  const { boot } = spec;
  const drives = spec.drives.map(({ name, bytes }) => `${name}:${bytes}`).join(' ');
  return {
    memoryMiB: String(spec.memoryMiB),
    vgaMemoryMiB: String(spec.vgaMemoryMiB),
    nic: spec.nic ? `${spec.nic.model} ${spec.nic.mac}` : 'none',
    bios: boot.bios?.sha256 ?? 'none',
    vgaBios: boot.vgaBios?.sha256 ?? 'none',
    kernel: boot.kernel ? `${boot.kernel.format} ${boot.kernel.file.sha256}` : 'none',
    initrd: boot.initrd?.sha256 ?? 'none',
    commandLine: boot.commandLine,
    drives,
    acpi: String(spec.acpi),
    jit: String(spec.jit),
    chanceSeed: String(spec.chanceSeed),
    wallClockAtStartMs: String(spec.wallClockAtStartMs),
    ...(spec.console && { console: spec.console }),
  };
}
