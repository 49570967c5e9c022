import type { DiskRequest } from '../guest/disk-request.js';
import type { DiskResult } from '../guest/guest-event.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { SectorStore } from '../host/sector-store.js';

/**
 * The drives of one replica's guest: performs its disk requests on the stores of the host.
 *
 * Errors: none; a request the host cannot perform ends as `failed`, and the diagnostics say why.
 */
export class DriveIo {
  readonly #drives: ReadonlyMap<string, SectorStore>;
  readonly #diagnostics: Diagnostics;

  constructor(drives: ReadonlyMap<string, SectorStore>, diagnostics: Diagnostics) {
    this.#drives = drives;
    this.#diagnostics = diagnostics;
  }

  async perform(request: DiskRequest): Promise<DiskResult> {
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
