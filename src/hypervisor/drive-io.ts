import type { DiskChunk } from '../disk/disk-resync.js';
import type { DiskRequest } from '../guest/disk-request.js';
import type { DiskResult } from '../guest/guest-event.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { Digest } from '../host/digest.js';
import type { SectorStore } from '../host/sector-store.js';

/**
 * The drives of one replica's guest: performs its disk requests on the stores of the host.
 *
 * Errors: none; a request the host cannot perform ends as `failed`, and the diagnostics say why.
 */
export class DriveIo {
  readonly #drives: ReadonlyMap<string, SectorStore>;
  readonly #digest: Digest;
  readonly #diagnostics: Diagnostics;
  readonly #underWay = new Set<Promise<DiskResult>>();

  constructor(drives: ReadonlyMap<string, SectorStore>, digest: Digest, diagnostics: Diagnostics) {
    this.#drives = drives;
    this.#digest = digest;
    this.#diagnostics = diagnostics;
  }

  async perform(request: DiskRequest): Promise<DiskResult> {
    const operation = this.#perform(request);
    this.#underWay.add(operation);
    const result = await operation;
    this.#underWay.delete(operation);
    return result;
  }

  /** What the read finds; null if that has the digest. */
  async compare(read: DiskRequest, digest: Uint8Array): Promise<Uint8Array | null | 'failed'> {
    const result = await this.perform(read);
    if (result.kind !== 'read') return 'failed';
    const ours = await this.#digest(result.data);
    const isSame = ours.every((byte, i) => byte === digest[i]) && ours.length === digest.length;
    return isSame ? null : result.data;
  }

  /** The digest of what a drive holds there; null if it cannot be read. */
  async digest({ drive, offsetBytes, lengthBytes }: DiskChunk): Promise<Uint8Array | null> {
    const read = { kind: 'diskRead', id: 0, drive, offsetBytes, lengthBytes } as const;
    const result = await this.perform(read);
    return result.kind === 'read' ? this.#digest(result.data) : null;
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #perform(request: DiskRequest): Promise<DiskResult> {
    const { drive, offsetBytes } = request;
    try {
      const store = this.#drives.get(drive);
      if (!store) throw new Error(`the machine has no drive ${drive}`);
      if (request.kind === 'diskRead') {
        return { kind: 'read', data: await store.read(offsetBytes, request.lengthBytes) };
      }
      await store.write(offsetBytes, request.data);
      return { kind: 'written' };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#diagnostics.error('A disk operation failed; the guest sees an ATA error', {
        drive,
        offsetBytes,
        why,
      });
      return { kind: 'failed' };
    }
  }
}
