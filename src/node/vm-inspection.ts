import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { DriveSpec, FileSpec, MachineSpec } from '../guest/machine-spec.js';
import { errnoOf } from './errno.js';
import { wholeSectors } from './file-sector-store.js';
import {
  BootFileChangedError,
  BootFileMissingError,
  DriveMissingError,
  DriveSizeError,
  VmUnreadableError,
} from './vm-error.js';

/**
 * Checks that the files of a machine are there and are those it was created with: boot files by
 * their hash, drives by their size. Paths have to be absolute.
 */
export async function inspectFiles({ boot, drives }: MachineSpec): Promise<void> {
  const files = [boot.bios, boot.vgaBios, boot.kernel?.file ?? null, boot.initrd];
  for (const file of files) {
    if (file !== null) await inspectBootFile(file);
  }
  for (const drive of drives) await inspectDriveFile(drive);
}

async function inspectBootFile({ path, sha256 }: FileSpec): Promise<void> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') throw new BootFileMissingError(path, { cause });
    throw new VmUnreadableError(path, { cause });
  }
  const found = hash.digest('hex');
  if (found !== sha256) throw new BootFileChangedError(path, sha256, found);
}

async function inspectDriveFile({ name, path, bytes }: DriveSpec): Promise<void> {
  let foundBytes: number;
  try {
    foundBytes = (await stat(path)).size;
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') throw new DriveMissingError(name, path, { cause });
    throw new VmUnreadableError(path, { cause });
  }
  if (wholeSectors(foundBytes) !== bytes) throw new DriveSizeError(name, path, bytes, foundBytes);
}
