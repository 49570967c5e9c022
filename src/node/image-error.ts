import { FtvmError } from '../errors.js';
import { reasonOf } from './errno.js';

/** There is no such guest image. */
export class ImageMissingError extends FtvmError {
  readonly code = 'FTVM_IMAGE_MISSING';
  readonly remedy: string;

  constructor(image: string, shipped: readonly string[], options?: ErrorOptions) {
    super(
      `No guest image ${image}: it is no shipped image, and no directory with an image.json`,
      options,
    );
    const names = shipped.length > 0 ? shipped.join(', ') : 'none here, so reinstall ftvm';
    this.remedy = `Give a directory, or the name of a shipped image (${names}).`;
  }
}

/** The image.json of an image is not what it has to be. */
export class ImageManifestError extends FtvmError {
  readonly code = 'FTVM_IMAGE_MANIFEST';
  readonly remedy = 'Correct the file; images/linux/image.json is an example.';

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot use the image: in ${path}, ${reasonOf(options?.cause)}`, options);
  }
}

/** A file of an image is missing, or differs from what its image.json promises. */
export class ImageFileError extends FtvmError {
  readonly code = 'FTVM_IMAGE_FILE';
  readonly remedy = 'Get the image again: reinstall ftvm, or build your image anew.';

  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`Cannot use the image: ${path} ${why}`, options);
  }
}
