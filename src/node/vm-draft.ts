import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { errnoOf } from './errno.js';

// Copying the largest image takes minutes; a draft nobody has touched for a day has no creator.
const DRAFT_AGE_MS_MAX = 24 * 60 * 60 * 1000;

/** Where a VM for `dir` is put together before it is moved into place; names its creator. */
export function draftOf(dir: string): string {
  return `${dir}.creating-${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
}

/** Removes drafts for `dir` whose creators died: processes of this host, or very old ones. */
export async function removeDeadDrafts(dir: string): Promise<void> {
  const prefix = `${basename(dir)}.creating-`;
  const names = await readdir(dirname(dir)).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix)) continue;
    const draft = join(dirname(dir), name);
    if (!(await isAbandoned(draft, name.slice(prefix.length)))) continue;
    // Somebody else may be removing it too; whoever needs its room will hear that there is none.
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isAbandoned(draft: string, creator: string): Promise<boolean> {
  const [, host, pid] = /^(.*)-(\d+)-[0-9a-f]{8}$/.exec(creator) ?? [];
  if (host === hostname()) return !isRunning(Number(pid));
  const touchedAtMs = await stat(draft).then(
    ({ mtimeMs }) => mtimeMs,
    () => Date.now(),
  );
  return Date.now() - touchedAtMs > DRAFT_AGE_MS_MAX;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return errnoOf(error) === 'EPERM';
  }
}
