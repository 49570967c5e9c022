import promises from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

/*
 * Loaded before a replica: makes its shared storage slow for as long as CHAOS_SLOW_BY, a file with
 * a number of milliseconds, is there. Each call about a path under CHAOS_SLOW_DIR, or to a file that
 * was opened there, takes so much longer: half before it takes effect, and half before that is told.
 */

type Call = (this: unknown, ...args: unknown[]) => Promise<unknown>;

const dir = process.env['CHAOS_SLOW_DIR'];
const byFile = process.env['CHAOS_SLOW_BY'];

function slowed(call: Call, isOurs: (self: unknown, args: unknown[]) => boolean): Call {
  return async function (this: unknown, ...args: unknown[]) {
    const halfMs = isOurs(this, args) ? slowByMs() / 2 : 0;
    if (halfMs > 0) await sleep(halfMs);
    try {
      return await call.apply(this, args);
    } finally {
      if (halfMs > 0) await sleep(halfMs);
    }
  };
}

function slowByMs(): number {
  return byFile !== undefined && existsSync(byFile) ? Number(readFileSync(byFile, 'utf8')) : 0;
}

async function slowDown(slowDir: string): Promise<void> {
  const opened = new WeakSet();
  const isBelow = (_self: unknown, [path]: unknown[]): boolean =>
    typeof path === 'string' && path.startsWith(slowDir);
  const isOpened = (self: unknown): boolean => opened.has(self as object);

  const handle = await promises.open('/dev/null');
  const methods = Object.getPrototypeOf(handle) as Record<string, Call>;
  await handle.close();
  for (const name of ['read', 'write', 'writev', 'readFile', 'writeFile', 'sync', 'datasync']) {
    const method = methods[name];
    if (method) methods[name] = slowed(method, isOpened);
  }

  const calls = promises as unknown as Record<string, Call>;
  for (const name of ['link', 'readFile', 'readdir', 'rename', 'stat', 'unlink', 'writeFile']) {
    const call = calls[name];
    if (call) calls[name] = slowed(call, isBelow);
  }
  const open = slowed(calls['open'] as Call, isBelow);
  calls['open'] = async (...args) => {
    const file = await open(...args);
    if (isBelow(null, args)) opened.add(file as object);
    return file;
  };
  syncBuiltinESMExports();
}

if (dir !== undefined && isMainThread) await slowDown(dir);
