/** How a kernel file wants to be started. */
export type KernelFormat = 'multiboot' | 'bzimage';

// Multiboot specification 0.6.96, §3.1: in the first 8192 bytes, on a 4-byte boundary, three words
// that add up to 0: the magic number, flags, checksum.
const MULTIBOOT_MAGIC = 0x1badb002;
const MULTIBOOT_BYTES = 8192;
// Linux boot protocol: "HdrS" at 0x202; bit 0 of loadflags, at 0x211, tells a bzImage from a zImage.
const SETUP_MAGIC_AT = 0x202;
const LOADFLAGS_AT = 0x211;

/** Null when it is no kernel. A file may be both; multiboot is tried first because it needs no BIOS. */
export function kernelFormatOf(file: Uint8Array): KernelFormat | null {
  if (hasMultibootHeader(file)) return 'multiboot';
  return isBzImage(file) ? 'bzimage' : null;
}

function hasMultibootHeader(file: Uint8Array): boolean {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const end = Math.min(file.byteLength, MULTIBOOT_BYTES) - 12;
  for (let at = 0; at <= end; at += 4) {
    if (view.getUint32(at, true) !== MULTIBOOT_MAGIC) continue;
    const sum = MULTIBOOT_MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true);
    if (sum % 2 ** 32 === 0) return true;
  }
  return false;
}

function isBzImage(file: Uint8Array): boolean {
  const magic = String.fromCharCode(...file.subarray(SETUP_MAGIC_AT, SETUP_MAGIC_AT + 4));
  return magic === 'HdrS' && ((file[LOADFLAGS_AT] ?? 0) & 1) === 1;
}
