/** Which drive of the guest: hda and hdb are ATA disks, cdrom is the ATAPI drive (read only). */
export type DriveName = 'hda' | 'hdb' | 'cdrom';

/**
 * One operation the guest's IDE controller asked for.
 *
 * Shape:  a byte range of a drive; a write carries its own copy of the data (the bounce buffer of
 *         FT paper §3.4, taken when the guest issued it).
 * Units:  bytes; multiples of the drive's sector size in practice, not promised.
 */
export type DiskRequest = DiskRead | DiskWrite;

interface DiskOperation {
  /** Counts requests from 1 over the life of the VM; deterministic, so it is the same on every replica. */
  readonly id: number;
  readonly drive: DriveName;
  readonly offsetBytes: number;
}
export interface DiskRead extends DiskOperation {
  readonly kind: 'diskRead';
  readonly lengthBytes: number;
}
export interface DiskWrite extends DiskOperation {
  readonly kind: 'diskWrite';
  readonly data: Uint8Array;
}

/** The bytes a request covers: `[start, end)` on its drive. */
export function requestRange(request: DiskRequest): { start: number; end: number } {
  const length = request.kind === 'diskRead' ? request.lengthBytes : request.data.byteLength;
  return { start: request.offsetBytes, end: request.offsetBytes + length };
}
