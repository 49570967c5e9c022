import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FtvmError } from '../errors.js';
import { errnoOf } from './errno.js';

/** Another process has that directory. */
export class DirectoryInUseError extends FtvmError {
  readonly code = 'FTVM_DIRECTORY_IN_USE';
  readonly remedy = 'Name a directory of its own for each replica, or stop that process first.';

  constructor(dir: string, pid: number) {
    super(`${dir} is in use by process ${pid}`);
  }
}

/**
 * Makes a directory of this host one process's own, until it unlocks it or is dead; answers how to
 * unlock it. For directories of one host: whether a process is alive only its own kernel can say.
 */
export async function lockDirectory(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, 'lock');
  const own = `${process.pid} ${startOf(process.pid) ?? ''}\n`;
  const draft = join(dir, `.lock-${randomUUID()}`);
  await writeFile(draft, own);
  try {
    while (!(await linked(draft, path))) {
      const found = await readFile(path, 'utf8').catch(() => null);
      if (found === null) continue;
      const [pid = 0, start] = found.trim().split(' ').map(Number);
      if (isAlive(pid, start)) throw new DirectoryInUseError(dir, pid);
      await takeAway(path, found, dir);
    }
  } finally {
    await rm(draft, { force: true });
  }
  return () => rm(path, { force: true });
}

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** The lock of a dead process, and no other: somebody may have taken it away and locked meanwhile. */
async function takeAway(path: string, found: string, dir: string): Promise<void> {
  const aside = join(dir, `.lock-${randomUUID()}`);
  await rename(path, aside).catch(() => undefined);
  const taken = await readFile(aside, 'utf8').catch(() => found);
  if (taken !== found) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

function isAlive(pid: number, start: number | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
  }
  const now = startOf(pid);
  // The number may have gone to another process since.
  return now === null || start === undefined || now === start;
}

/** When that process started, in ticks since boot; null where the kernel does not say. */
function startOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return null;
  }
}
