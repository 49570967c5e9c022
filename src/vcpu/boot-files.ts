import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import type { BootSpec, FileSpec } from '../guest/machine-spec.js';

/** The files of a `BootSpec`, loaded and uncompressed; null where the spec has none. */
export interface BootFiles {
  readonly bios: Uint8Array | null;
  readonly vgaBios: Uint8Array | null;
  readonly kernel: Uint8Array | null;
  readonly initrd: Uint8Array | null;
}

/** Reads what the spec names; a path that ends in `.gz` is unpacked. Hashes are the caller's to check. */
export async function loadBootFiles(boot: BootSpec): Promise<BootFiles> {
  const load = async (file: FileSpec | null | undefined): Promise<Uint8Array | null> => {
    if (!file) return null;
    const bytes = await readFile(file.path);
    return file.path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  };
  const [bios, vgaBios, kernel, initrd] = await Promise.all([
    load(boot.bios),
    load(boot.vgaBios),
    load(boot.kernel?.file),
    load(boot.initrd),
  ]);
  return { bios, vgaBios, kernel, initrd };
}
