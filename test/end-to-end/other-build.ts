import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ours = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A copy of this build in `dir`, as of another release; answers its `bin/ftvm`. With `logVersion` it
 * records another kind of log.
 */
export function otherBuild(dir: string, version: string, logVersion?: number): string {
  mkdirSync(dir);
  for (const part of ['bin', 'dist'])
    cpSync(join(ours, part), join(dir, part), { recursive: true });
  for (const part of ['node_modules', 'images']) symlinkSync(join(ours, part), join(dir, part));
  const change = (file: string, from: RegExp, to: string): void => {
    const text = readFileSync(join(ours, file), 'utf8');
    if (!from.test(text)) throw new Error(`${file} has no ${String(from)}`);
    writeFileSync(join(dir, file), text.replace(from, to));
  };
  change('package.json', /"version": "[^"]+"/, `"version": "${version}"`);
  if (logVersion !== undefined) {
    change('dist/log/log-codec.js', /LOG_VERSION = \d+/, `LOG_VERSION = ${logVersion}`);
  }
  return join(dir, 'bin/ftvm');
}
