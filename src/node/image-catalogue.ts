import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errnoOf } from './errno.js';
import { fileOf, readGuestImage, type GuestImage, type ImageFile } from './guest-image.js';
import { ImageManifestError, ImageMissingError } from './image-error.js';
import { JsonFieldError, objectField } from './json-field.js';

/** What a VM boots when its owner names nothing. */
export const DEFAULT_IMAGE = 'linux';

// The same way up from src/node and from dist/node.
const SHIPPED = fileURLToPath(new URL('../../images/', import.meta.url));

/** The firmware shipped beside the images. */
export interface BiosFiles {
  readonly bios: ImageFile;
  readonly vgaBios: ImageFile;
}

/**
 * Finds an image by the name of a shipped one or by its directory.
 *
 * Errors: ImageMissingError, ImageManifestError.
 */
export async function findImage(nameOrDir: string): Promise<GuestImage> {
  const isName = /^[\w-][\w.-]*$/.test(nameOrDir);
  for (const dir of isName ? [join(SHIPPED, nameOrDir), nameOrDir] : [nameOrDir]) {
    try {
      return await readGuestImage(dir);
    } catch (cause) {
      if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(cause))) throw cause;
    }
  }
  throw new ImageMissingError(nameOrDir, await shippedImages());
}

/** Names for `--image`, sorted. */
export async function shippedImages(): Promise<string[]> {
  const entries = await readdir(SHIPPED, { withFileTypes: true }).catch(() => []);
  const names: string[] = [];
  for (const { name } of entries) {
    if (await isImage(join(SHIPPED, name))) names.push(name);
  }
  return names.sort();
}

/** The recipe has a manifest without files, which is no image. */
async function isImage(dir: string): Promise<boolean> {
  return readGuestImage(dir).then(
    () => true,
    () => false,
  );
}

/** SeaBIOS and its VGA BIOS. Errors: ImageMissingError, ImageManifestError. */
export async function findBios(): Promise<BiosFiles> {
  const dir = join(SHIPPED, 'bios');
  const path = join(dir, 'bios.json');
  try {
    const fields = objectField('the file', JSON.parse(await readFile(path, 'utf8')));
    const files = objectField('files', fields.files);
    return {
      bios: fileOf(dir, files, 'bios', fields.bios),
      vgaBios: fileOf(dir, files, 'vgaBios', fields.vgaBios),
    };
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') throw new ImageMissingError('bios', [], { cause });
    if (!(cause instanceof JsonFieldError || cause instanceof SyntaxError)) throw cause;
    throw new ImageManifestError(path, { cause });
  }
}
