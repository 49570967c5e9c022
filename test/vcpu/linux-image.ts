import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll } from 'vitest';
import type { MachineSpec } from '../../src/guest/machine-spec.js';

const folder = new URL('../../images/linux/', import.meta.url);

interface ImageManifest {
  readonly boot: { readonly multiboot: string; readonly cmdline: string };
  readonly disk: string;
}

/** The shipped Linux, unpacked: what every test with a real guest boots. */
export interface LinuxImage {
  readonly disk: Uint8Array;
  /** A machine for it; `changes` replaces fields. */
  spec(changes?: Partial<MachineSpec>, commandLine?: string): MachineSpec;
}

/** Null if the image has not been built. Its kernel goes when the tests of the calling file are through. */
export function loadLinuxImage(): LinuxImage | null {
  if (!existsSync(new URL('image.json', folder))) return null;
  const manifest = JSON.parse(readFileSync(new URL('image.json', folder), 'utf8')) as ImageManifest;
  const unpack = (name: string): Uint8Array => {
    const bytes = readFileSync(new URL(name, folder));
    return name.endsWith('.br') ? brotliDecompressSync(bytes) : bytes;
  };
  const disk = unpack(manifest.disk);
  const kernel = unpack(manifest.boot.multiboot);
  const place = mkdtempSync(join(tmpdir(), 'ftvm-test-'));
  afterAll(() => rmSync(place, { recursive: true, force: true }));
  const path = join(place, 'kernel');
  writeFileSync(path, kernel);
  return {
    disk,
    spec: (changes = {}, commandLine = '') => ({
      memoryMiB: 64,
      vgaMemoryMiB: 2,
      nic: { model: 'virtio', mac: '52:54:00:12:34:56' },
      boot: {
        bios: null,
        vgaBios: null,
        kernel: {
          format: 'multiboot',
          file: { path, bytes: kernel.byteLength, sha256: '' },
        },
        initrd: null,
        commandLine: `console=ttyS0 ${manifest.boot.cmdline} ${commandLine}`,
      },
      drives: [{ name: 'hda', path: 'in memory', bytes: disk.byteLength }],
      acpi: false,
      jit: true,
      chanceSeed: 12345,
      wallClockAtStartMs: Date.UTC(2024, 1, 29),
      ...changes,
    }),
  };
}
