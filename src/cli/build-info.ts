import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { BuildInfo } from '../channel/wire-message.js';
import { LOG_VERSION } from '../log/log-codec.js';

const require = createRequire(import.meta.url);

export const ftvmVersion: string = versionOf('../../package.json');

/** What this process is built from; peers and log files carry it. */
export function buildInfo(): BuildInfo {
  const wasm = require.resolve('v86').replace(/[^/\\]+$/, 'v86.wasm');
  return {
    ftvm: ftvmVersion,
    logVersion: LOG_VERSION,
    v86: versionOf(wasm.replace(/build[/\\]v86\.wasm$/, 'package.json')),
    v86Wasm: createHash('sha256').update(readFileSync(wasm)).digest('hex'),
    node: process.versions.node,
    architecture: process.arch,
  };
}

/** As a file's header has it. */
export function plainBuild(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(buildInfo()).map(([name, value]) => [name, String(value)]),
  );
}

function versionOf(file: string): string {
  const { version } = JSON.parse(
    readFileSync(file.startsWith('.') ? new URL(file, import.meta.url) : file, 'utf8'),
  ) as { version: string };
  return version;
}
