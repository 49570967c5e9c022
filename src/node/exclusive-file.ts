import { randomUUID } from 'node:crypto';
import { link, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from './errno.js';

const DRAFT = '.draft-';
// A claim takes seconds at most; a draft this old has lost its writer.
const DRAFT_AGE_MS_MAX = 10 * 60 * 1000;

/**
 * Creates `path` with all of `text` in it if, and only if, it does not exist: the test-and-set of FT
 * paper §2.3, on any file system that hosts share.
 *
 * A draft is written, made durable, and linked to the final name: link(2) is atomic and exclusive
 * on local file systems and on NFS, and whoever sees the name sees the whole text. `created` is
 * answered once the new name, too, would survive a power cut of the storage.
 * Errors: those of the operating system. After one the file may exist or not.
 */
export async function createExclusively(
  path: string,
  text: string | Uint8Array,
): Promise<'created' | 'exists'> {
  const dir = dirname(path);
  const draft = join(dir, `${DRAFT}${randomUUID()}`);
  try {
    await writeNew(draft, text);
    const outcome = await linkOrCreate(draft, path, text);
    if (outcome === 'created') await syncDirectory(dir);
    return outcome;
  } finally {
    // Whoever waits for the answer has a guest that stands still.
    void unlink(draft)
      .catch(() => undefined)
      .then(() => removeOldDrafts(dir));
  }
}

/** Makes names created in `dir` durable, where the file system can do that at all. */
export async function syncDirectory(dir: string): Promise<void> {
  try {
    const handle = await open(dir, 'r');
    try {
      await handle.sync();
    } finally {
      void handle.close().catch(() => undefined);
    }
  } catch (error) {
    // Some file systems refuse to sync a directory; theirs are synchronous or as good as they get.
    if (!['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM'].includes(errnoOf(error))) throw error;
  }
}

async function linkOrCreate(
  draft: string,
  path: string,
  text: string | Uint8Array,
): Promise<'created' | 'exists'> {
  try {
    await link(draft, path);
    return 'created';
  } catch (error) {
    // NFS: the answer to a link that was made can get lost, and the repeated request then fails.
    // The draft's own link count knows (open(2), under O_EXCL).
    if (await hasTwoLinks(draft)) return 'created';
    switch (errnoOf(error)) {
      case 'EEXIST':
        return 'exists';
      case 'EPERM':
      case 'ENOTSUP':
      case 'EOPNOTSUPP':
      case 'ENOSYS':
        return createInPlace(path, text);
      default:
        throw error;
    }
  }
}

async function hasTwoLinks(draft: string): Promise<boolean> {
  try {
    return (await stat(draft)).nlink === 2;
  } catch {
    return false;
  }
}

/**
 * For file systems without hard links (FAT, some FUSE): as exclusive, but a reader may see the name
 * before the text, so readers try again before they call a file broken.
 */
async function createInPlace(
  path: string,
  text: string | Uint8Array,
): Promise<'created' | 'exists'> {
  try {
    await writeNew(path, text);
    return 'created';
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return 'exists';
    throw error;
  }
}

/** Writes a file that must not exist yet. If that fails half-way, the half is removed. */
async function writeNew(path: string, text: string | Uint8Array): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  } finally {
    void handle.close().catch(() => undefined);
  }
}

/**
 * Removes drafts of processes that died over them. Ages are by the storage's own clock: we have
 * just changed the directory. Taking away the draft of somebody who lives after all makes his link
 * fail, never succeed, so this is a matter of tidiness only.
 */
async function removeOldDrafts(dir: string): Promise<void> {
  try {
    const nowMs = (await stat(dir)).mtimeMs;
    for (const name of await readdir(dir)) {
      if (!name.startsWith(DRAFT)) continue;
      const draft = join(dir, name);
      if (nowMs - (await stat(draft)).mtimeMs > DRAFT_AGE_MS_MAX) await unlink(draft);
    }
  } catch {
    // The next claim tidies up.
  }
}
