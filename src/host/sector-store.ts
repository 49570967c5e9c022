/**
 * A disk image of the host.
 *
 * Units:  bytes, offsets of a multiple of 512.
 * Errors: a rejected promise is a host error on these sectors; the guest sees an ATA error.
 */
export interface SectorStore {
  readonly byteLength: number;
  read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
  /** Resolves when the data would survive a power cut of the host: the guest's drive has no write cache. */
  write(offsetBytes: number, data: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
