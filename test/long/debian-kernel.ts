import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Downloads stay here, for the next run. */
const cache = process.env.FTVM_TEST_CACHE ?? join(tmpdir(), 'ftvm-test-cache');

/**
 * Debian's own i386 kernel, as its package brings it; null where apt cannot have it. Nothing is
 * installed: apt runs with a private state, on the sources this machine is set up with.
 */
export function debianKernel(): string | null {
  const unpacked = join(cache, 'linux-image-686');
  try {
    if (!existsSync(join(unpacked, 'boot'))) download(unpacked);
    const name = readdirSync(join(unpacked, 'boot')).find((file) => file.startsWith('vmlinuz-'));
    return name === undefined ? null : join(unpacked, 'boot', name);
  } catch {
    return null;
  }
}

function download(unpacked: string): void {
  const [state, packages] = [join(cache, 'apt'), join(cache, 'packages')];
  for (const dir of [join(state, 'state/lists/partial'), join(state, 'cache'), packages]) {
    mkdirSync(dir, { recursive: true });
  }
  writeFileSync(join(state, 'status'), '');
  writeFileSync(
    join(state, 'apt.conf'),
    [
      'APT::Architecture "i386";',
      'APT::Architectures { "i386"; };',
      `APT::Sandbox::User "${userInfo().username}";`,
      `Dir::State "${state}/state";`,
      `Dir::State::status "${state}/status";`,
      `Dir::Cache "${state}/cache";`,
    ].join('\n'),
  );
  const env = { ...process.env, APT_CONFIG: join(state, 'apt.conf') };
  const run = (program: string, ...words: string[]): string =>
    execFileSync(program, words, { cwd: packages, env, encoding: 'utf8', stdio: 'pipe' });
  try {
    run('apt-get', '-qq', 'update');
  } catch {
    // One list that cannot be had does no harm while the package is found.
  }
  const [, name] =
    /^Depends: (linux-image-\S+)/m.exec(run('apt-cache', 'show', 'linux-image-686')) ?? [];
  run('apt-get', '-qq', 'download', name ?? 'linux-image-686');
  const file = readdirSync(packages).find((deb) => deb.endsWith('.deb'));
  run('dpkg-deb', '-x', file ?? '', unpacked);
}
