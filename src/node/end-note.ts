import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestEnd } from '../channel/wire-message.js';
import type { Generation } from '../units.js';

/**
 * A note beside the generation files that a generation ended with its guest, so that nobody goes live
 * after it: `ended-N.json`, written by the last primary when its guest is off.
 *
 * It only saves the next start a wait and lets `status` say why nobody runs; without it, as after a
 * power cut, everything is as safe. Errors: none; a note that cannot be written or read is none.
 */
export async function writeEndNote(
  generationsDir: string,
  generation: Generation,
  end: GuestEnd,
): Promise<void> {
  const note = { generation, ...end, at: new Date().toISOString() };
  const path = pathOf(generationsDir, generation);
  await writeFile(path, `${JSON.stringify(note)}\n`).catch(() => undefined);
}

/** How that generation ended, if its guest is known to be off. */
export async function readEndNote(
  generationsDir: string,
  generation: Generation,
): Promise<(GuestEnd & { readonly at: string }) | null> {
  try {
    const note = JSON.parse(await readFile(pathOf(generationsDir, generation), 'utf8')) as {
      readonly [field: string]: unknown;
    };
    const known = { epoch: Number(note['epoch']), at: String(note['at']) };
    switch (note['kind']) {
      case 'poweredOff':
        return { kind: 'poweredOff', ...known };
      case 'crashed':
        return { kind: 'crashed', reason: String(note['reason']), ...known };
      default:
        return null;
    }
  } catch {
    return null;
  }
}

function pathOf(generationsDir: string, generation: Generation): string {
  return join(generationsDir, `ended-${generation}.json`);
}
