import type { MachineSpec } from '../../src/guest/machine-spec.js';

const loadAddress = 0x100000;
const headerBytes = 32;

/**
 * A multiboot kernel from machine code: v86 starts it in flat 32-bit protected mode, with no
 * interrupt table. `code` is hex, and is loaded at `codeAddress`.
 */
export const codeAddress = loadAddress + headerBytes;

export function tinyKernel(code: string): Uint8Array {
  const instructions = Buffer.from(code.replace(/\s|;[^\n]*/g, ''), 'hex');
  const image = new Uint8Array(headerBytes + instructions.byteLength);
  const end = loadAddress + image.byteLength;
  const [magic, usesAddresses] = [0x1badb002, 1 << 16];
  const header = [magic, usesAddresses, -(magic + usesAddresses)];
  const addresses = [loadAddress, loadAddress, end, end, codeAddress];
  image.set(new Uint8Array(Int32Array.from([...header, ...addresses]).buffer));
  image.set(instructions, headerBytes);
  return image;
}

export function tinySpec(kernel: Uint8Array): MachineSpec {
  return {
    memoryMiB: 4,
    vgaMemoryMiB: 1,
    nic: null,
    boot: {
      bios: null,
      vgaBios: null,
      kernel: {
        format: 'multiboot',
        file: { path: 'in memory', bytes: kernel.byteLength, sha256: '' },
      },
      initrd: null,
      commandLine: '',
    },
    drives: [],
    acpi: false,
    jit: true,
    chanceSeed: 1,
    wallClockAtStartMs: 0,
  };
}
