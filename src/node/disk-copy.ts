import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { GenerationRecord } from '../arbiter/generation-record.js';
import type { DriveName } from '../guest/disk-request.js';
import {
  DiskCopyInUseError,
  DiskCopyUnreadableError,
  DiskNotCurrentError,
} from './disk-copy-error.js';
import { errnoOf } from './errno.js';
import { createExclusively } from './exclusive-file.js';
import { hostMark } from './host-mark.js';
import { choiceField, JsonFieldError, objectField, textField } from './json-field.js';
import { SparseWriter } from './sparse-file.js';
import type { Vm } from './vm-directory.js';

/** What `copy.json` says about a replica's own copy of the VM's disks. */
interface CopyFile {
  /** A UUID: a generation names the copy its holder runs on. */
  readonly id: string;
  readonly vm: string;
  /** `syncing`: being brought up to a primary's, and useless until that is done. */
  readonly state: 'syncing' | 'complete';
}

export interface DiskCopyOptions {
  /** Null: `copies/HOST-N` of the VM's directory, the first that nobody uses. */
  readonly dir: string | null;
  /** `either` is whatever will be needed. */
  readonly role: 'primary' | 'backup' | 'either';
  /** The latest generation of the VM; null if it never ran. */
  readonly latest: GenerationRecord | null;
  /** The operator's word: start from this copy, whoever was live last. */
  readonly takesAny: boolean;
}

/**
 * One replica's own copy of the disks of a VM (FT paper §4.1, non-shared disks).
 *
 * ```
 * DIR/copy.json   which copy this is, and whether it is whole
 * DIR/in-use      the process that has it
 * DIR/hda.img …   raw images, sparse
 * ```
 * Errors: those of `disk-copy-error.ts`.
 */
export class DiskCopy {
  readonly id: string;
  readonly dir: string;
  readonly #vm: string;

  static async open(vm: Vm, options: DiskCopyOptions): Promise<DiskCopy> {
    if (options.dir !== null) {
      const dir = resolve(options.dir);
      if (!(await takeInUse(dir))) throw new DiskCopyInUseError(dir);
      return keepOrRelease(dir, () => DiskCopy.#openTaken(vm, dir, options));
    }
    const parent = join(vm.dir, 'copies');
    await mkdir(parent, { recursive: true });
    const ours = `${hostname()}-`;
    const existing = (await readdir(parent)).filter((name) => name.startsWith(ours)).sort();
    let notCurrent: DiskNotCurrentError | null = null;
    for (let n = 1; n <= existing.length + 1; n += 1) {
      const dir = join(parent, `${ours}${n}`);
      if (!(await takeInUse(dir))) continue;
      try {
        return await keepOrRelease(dir, () => DiskCopy.#openTaken(vm, dir, options));
      } catch (error) {
        if (!(error instanceof DiskNotCurrentError)) throw error;
        notCurrent ??= error;
      }
    }
    throw notCurrent ?? new DiskCopyInUseError(parent);
  }

  static async #openTaken(vm: Vm, dir: string, options: DiskCopyOptions): Promise<DiskCopy> {
    const { role, latest, takesAny } = options;
    const found = await readCopyFile(dir);
    if (found && found.vm !== vm.id) throw new DiskCopyUnreadableError(dir, 'it is of another VM');
    const copy = new DiskCopy(dir, found?.id ?? randomUUID(), vm.id);
    const isWhole = found?.state === 'complete';
    if (role === 'primary' && latest !== null) {
      if (isWhole && (takesAny || copy.id === latest.disk)) return copy;
      throw new DiskNotCurrentError(dir, latest);
    }
    // What a backup follows makes it current; a VM that never ran begins with its image.
    if (isWhole) return copy;
    copy.mark('syncing');
    if (role === 'backup' || latest !== null) {
      await copy.#make(vm);
    } else {
      await copy.#fill(vm);
      copy.mark('complete');
    }
    return copy;
  }

  private constructor(dir: string, id: string, vm: string) {
    this.dir = dir;
    this.id = id;
    this.#vm = vm;
  }

  pathOf(drive: DriveName): string {
    return join(this.dir, `${drive}.img`);
  }

  /** Durable when it returns. */
  mark(state: CopyFile['state']): void {
    const file: CopyFile = { id: this.id, vm: this.#vm, state };
    const path = join(this.dir, 'copy.json');
    const handle = openSync(`${path}.new`, 'w');
    try {
      writeSync(handle, `${JSON.stringify(file, null, 2)}\n`);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(`${path}.new`, path);
  }

  close(): void {
    rmSync(join(this.dir, 'in-use'), { force: true });
  }

  /** From the images the VM was created with. */
  async #fill(vm: Vm): Promise<void> {
    for (const { name, path } of vm.spec.drives) {
      if (name === 'cdrom') continue;
      const from = await open(path, 'r');
      try {
        await this.#copy(from, this.pathOf(name));
      } finally {
        await from.close();
      }
    }
  }

  async #copy(from: FileHandle, path: string): Promise<void> {
    const to = await open(path, 'w');
    try {
      const writer = new SparseWriter(to);
      for await (const chunk of from.createReadStream({ autoClose: false })) {
        await writer.write(chunk as Buffer);
      }
      await writer.finish();
    } finally {
      await to.close();
    }
  }

  /** Of the right length; what is in them, a primary will say. */
  async #make(vm: Vm): Promise<void> {
    for (const { name, bytes } of vm.spec.drives) {
      if (name === 'cdrom') continue;
      const file = await open(this.pathOf(name), 'a');
      try {
        await file.truncate(bytes);
      } finally {
        await file.close();
      }
    }
  }
}

async function keepOrRelease(dir: string, use: () => Promise<DiskCopy>): Promise<DiskCopy> {
  try {
    return await use();
  } catch (error) {
    await rm(join(dir, 'in-use'), { force: true });
    throw error;
  }
}

/** False if a process that may be alive has the copy. */
async function takeInUse(dir: string): Promise<boolean> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, 'in-use');
  const mine = `${process.pid} ${hostMark()}\n`;
  for (;;) {
    if ((await createExclusively(path, mine)) === 'created') return true;
    const theirs = await readFile(path, 'utf8').catch(() => null);
    if (theirs === null) continue;
    if (mayBeAlive(theirs)) return false;
    await rm(path, { force: true });
  }
}

/** Of this host name, an earlier boot is over; of another one nothing is known. */
function mayBeAlive(owner: string): boolean {
  const [pid = '', mark = ''] = owner.trim().split(' ');
  if (mark !== hostMark()) return !mark.startsWith(`${hostname()}/`);
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

async function readCopyFile(dir: string): Promise<CopyFile | null> {
  const path = join(dir, 'copy.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return null;
    throw new DiskCopyUnreadableError(path, 'it cannot be read', { cause });
  }
  try {
    const fields = objectField('the file', JSON.parse(text));
    return {
      id: textField('id', fields.id, /^[0-9a-f-]{36}$/),
      vm: textField('vm', fields.vm),
      state: choiceField('state', fields.state, ['syncing', 'complete']),
    };
  } catch (cause) {
    if (!(cause instanceof JsonFieldError || cause instanceof SyntaxError)) throw cause;
    throw new DiskCopyUnreadableError(path, cause.message, { cause });
  }
}
