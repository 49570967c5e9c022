import { readFile } from 'node:fs/promises';
import type { BootSpec, FileSpec } from '../guest/machine-spec.js';

/** The files of a `BootSpec`, in memory; null where the spec has none. */
export interface BootFiles {
  readonly bios: Uint8Array | null;
  readonly vgaBios: Uint8Array | null;
  readonly kernel: Uint8Array | null;
  readonly initrd: Uint8Array | null;
}

/** Reads what the spec names. The files are plain ones; their hashes are the caller's to check. */
export async function loadBootFiles(boot: BootSpec): Promise<BootFiles> {
  const load = async (file: FileSpec | null | undefined): Promise<Uint8Array | null> =>
    file ? readFile(file.path) : null;
  const [bios, vgaBios, kernel, initrd] = await Promise.all([
    load(boot.bios),
    load(boot.vgaBios),
    load(boot.kernel?.file),
    load(boot.initrd),
  ]);
  return { bios, vgaBios, kernel, initrd };
}
