import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readGuestImage } from '../../src/node/guest-image.js';
import { ImageManifestError } from '../../src/node/image-error.js';

it.each(['constructor', 'toString', '__proto__'])(
  'a file called %s that the manifest does not list is a typed error',
  async (name) => {
    const dir = await mkdtemp(join(tmpdir(), 'ftvm-image-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    const manifest = { name: 'x', boot: { bzimage: name, cmdline: '' }, files: {} };
    await writeFile(join(dir, 'image.json'), JSON.stringify(manifest));
    await expect(readGuestImage(dir)).rejects.toThrow(ImageManifestError);
  },
);
