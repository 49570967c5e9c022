import { execFileSync, spawnSync } from 'node:child_process';

/** Whether the host has a program; tests that need one skip visibly without. */
export function hostHas(program: string, argument = '-V'): boolean {
  return spawnSync(program, [argument], { env: withSbin() }).error === undefined;
}

export const hasE2fsck = hostHas('e2fsck');

/**
 * What e2fsck says of an image once its journal has been replayed, as a mount would: throws if it
 * finds anything wrong. Changes the image.
 */
export function e2fsckAfterJournal(image: string): string {
  const options = { env: withSbin(), encoding: 'utf8' } as const;
  execFileSync('e2fsck', ['-E', 'journal_only', '-p', image], { ...options, stdio: 'ignore' });
  return execFileSync('e2fsck', ['-f', '-n', image], { ...options, stdio: 'pipe' });
}

/** The tools of file systems are in no ordinary user's path. */
function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
}
