import { setTimeout as sleep } from 'node:timers/promises';
import { createVm, openVm, type Vm } from '../node/vm-directory.js';
import { VmMissingError } from '../node/vm-error.js';
import type { VmOptions } from '../node/vm-options.js';

type Say = (line: string) => void;

/** For a primary: the VM of the directory, created if there is none. */
export async function openOrCreateVm(dir: string, options: VmOptions, say: Say): Promise<Vm> {
  let last = '';
  return createVm(dir, options, (what) => {
    if (what === last) return;
    last = what;
    say(`creating the VM in ${dir}: ${what}`);
  });
}

/**
 * For a backup: the VM of the directory, waited for if its primary has not created it yet; null if
 * it is told to stop waiting.
 */
export async function waitForVm(
  dir: string,
  options: VmOptions,
  say: Say,
  stop: AbortSignal,
): Promise<Vm | null> {
  for (let told = false; !stop.aborted; told = true) {
    try {
      await openVm(dir);
      return await createVm(dir, options);
    } catch (error) {
      if (!(error instanceof VmMissingError)) throw error;
    }
    if (!told) say(`waiting for a primary to create the VM in ${dir} (ftvm run --primary)`);
    await sleep(waitMs, undefined, { signal: stop }).catch(() => undefined);
  }
  return null;
}

const waitMs = 200;
