import type { SectorStore } from '../host/sector-store.js';
import type { Generation } from '../units.js';
import type { FoldProgress } from './image-fold.js';

/** What a screen shows of a drive. */
export interface DriveStatus {
  /** Files a read may have to look into: the image, and layers on top of it. */
  readonly chainLength: number;
  /** Of those layers. */
  readonly layerBytes: number;
}

/**
 * A drive of one replica's guest. Whoever follows may read: what was durable when the read was asked for.
 * Only who has begun may write to a disk that replicas share.
 *
 * Errors: those of SectorStore; `LayerSupersededError` once a later generation has begun.
 */
export interface Drive extends SectorStore {
  /** We may go live: reads ahead, so that `begin` has little to read. Never rejects. */
  follow(): Promise<void>;
  /** The generation is ours: what an earlier one still writes is not seen from here on. */
  begin(generation: Generation): Promise<void>;
  /** The guest is over: the image becomes whole by itself. */
  fold(progress: FoldProgress): Promise<void>;
  /** Null for a drive that is its image and nothing else. */
  status(): DriveStatus | null;
}

/**
 * A drive that nobody writes to, or that one replica alone has: the store itself, which stays open for
 * the next replica of its process.
 */
export function plainDrive(store: SectorStore): Drive {
  return {
    byteLength: store.byteLength,
    read: (offsetBytes, lengthBytes) => store.read(offsetBytes, lengthBytes),
    write: (offsetBytes, data) => store.write(offsetBytes, data),
    close: () => Promise.resolve(),
    follow: () => Promise.resolve(),
    begin: () => Promise.resolve(),
    fold: () => Promise.resolve(),
    status: () => null,
  };
}
