import { FtvmError } from '../errors.js';
import type { Generation } from '../units.js';

/** A layer file cannot be what it has to be; what is below it cannot be told from what is gone. */
export class LayerCorruptError extends FtvmError {
  readonly code = 'FTVM_LAYER_CORRUPT';
  readonly remedy =
    'Restore the VM directory from a backup, or check the disk that holds it. Nothing was changed.';

  constructor(name: string, why: string, options?: ErrorOptions) {
    super(`Cannot use the disk layer ${name}: ${why}`, options);
  }
}

/** A later generation has closed the disk to this writer. */
export class LayerSupersededError extends FtvmError {
  readonly code = 'FTVM_LAYER_SUPERSEDED';
  readonly remedy = 'Another replica is live: this one has to stop.';

  constructor(ours: Generation, theirs: Generation) {
    super(`Generation ${theirs} writes to the disk, generation ${ours} may not any more`);
  }
}

/** A guest asked for what its disk does not have. */
export class SectorRangeError extends FtvmError {
  readonly code = 'FTVM_SECTOR_RANGE';
  readonly remedy = 'Nothing to be done: the guest sees an ATA error.';

  constructor(asked: {
    readonly offsetBytes: number;
    readonly lengthBytes: number;
    readonly byteLength: number;
  }) {
    const { offsetBytes, lengthBytes, byteLength } = asked;
    super(
      `${lengthBytes} bytes at byte ${offsetBytes} are no sectors of a disk of ${byteLength} bytes`,
    );
  }
}

/** Somebody who was writing to the image may still be at it. */
export class ImageHauntedError extends FtvmError {
  readonly code = 'FTVM_IMAGE_HAUNTED';
  readonly remedy =
    'Nothing is lost, the layers hold it all. Once no replica of before is left: ftvm disk --fold --holder-is-dead.';

  constructor() {
    super(
      'The image stays as it is: a replica that was writing to it did not finish, and may go on',
    );
  }
}
