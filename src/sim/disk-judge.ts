import { requestRange, type DiskRequest } from '../guest/disk-request.js';
import type { DiskResult } from '../guest/guest-event.js';
import type { EpochFacts } from './guest-history.js';
import { sectorBytes } from './sim-file.js';

/**
 * The disk as a single machine would have it: replays a guest's life and says what each sector may
 * hold, and whether each read was answered with that.
 *
 * Shape:  a write that ended well leaves one possibility; one that failed, or has not ended, adds one.
 *         Overlapping operations end in the order they were issued (FT paper §3.4). A read that a new
 *         primary issued again may see a write of the old one that was issued after it: to the guest
 *         both were under way. What a guest had under way when it was reset it never hears of again:
 *         a backup that joined later does not know of it, so a take-over may lose it, as a reset may.
 */
export class DiskModel {
  readonly #sectors: SectorHistory[];
  readonly #requests = new Map<number, Request>();
  readonly wrongs: string[] = [];

  constructor(baseline: Uint8Array) {
    this.#sectors = Array.from({ length: baseline.byteLength / sectorBytes }, (_, sector) => ({
      versions: [{ id: 0, hash: hashSector(baseline, sector), state: 'written' }],
    }));
  }

  /**
   * `certainThrough`: the last epoch the world has heard of. What a primary that had lost its place
   * was told about its disk after that was told to nobody else.
   */
  replay(line: readonly EpochFacts[], certainThrough = Number.POSITIVE_INFINITY): void {
    for (const { epoch, isTakeOver, events, outputs } of line) {
      if (isTakeOver) this.#takenOver();
      for (const event of events) {
        if (event.kind !== 'diskCompleted' || epoch > certainThrough) continue;
        this.#completed(event.requestId, event.result, epoch);
      }
      for (const output of outputs) {
        if (output.kind === 'diskRead' || output.kind === 'diskWrite') this.#issued(output);
        if (output.kind === 'reboot') {
          for (const request of this.#requests.values()) request.isForgotten = true;
        }
      }
    }
  }

  /** Compares with a real disk, at a time when every promise made about it must hold. */
  compare(content: Uint8Array): void {
    for (const sector of this.#sectors.keys()) {
      const possible = this.#possible(sector, Number.POSITIVE_INFINITY, true);
      if (possible.has(hashSector(content, sector))) continue;
      this.wrongs.push(`sector ${sector} holds what no completed or pending write put there`);
    }
  }

  #takenOver(): void {
    for (const [id, request] of this.#requests) {
      request.isReissued = true;
      if (!request.isForgotten) continue;
      for (const sector of request.sectors) this.#settle(sector, id, 'failed');
    }
  }

  #settle(sector: number, id: number, state: 'written' | 'failed'): void {
    const version = this.#sectors[sector]?.versions.find((each) => each.id === id);
    if (version) version.state = state;
  }

  #issued(request: DiskRequest): void {
    const { start, end } = requestRange(request);
    const sectors: number[] = [];
    for (let sector = start / sectorBytes; sector * sectorBytes < end; sector += 1) {
      sectors.push(sector);
    }
    this.#requests.set(request.id, {
      kind: request.kind,
      sectors,
      isReissued: false,
      isForgotten: false,
    });
    if (request.kind === 'diskRead') return;
    sectors.forEach((sector, i) => {
      const hash = hashSector(request.data, i);
      this.#sectors[sector]?.versions.push({ id: request.id, hash, state: 'pending' });
    });
  }

  #completed(id: number, result: DiskResult, epoch: number): void {
    const request = this.#requests.get(id);
    if (!request) return;
    this.#requests.delete(id);
    request.sectors.forEach((sector, i) => {
      const versions = this.#sectors[sector]?.versions ?? [];
      if (versions.some((version) => version.id < id && version.state === 'pending')) {
        this.wrongs.push(
          `request ${id} ended in epoch ${epoch} before an earlier write it overlaps`,
        );
      }
      if (request.kind === 'diskWrite') {
        this.#settle(sector, id, result.kind === 'written' ? 'written' : 'failed');
      } else if (result.kind === 'read') {
        const hash = hashSector(result.data, i);
        const isLater = versions.some((version) => version.id > id && version.hash === hash);
        if (!this.#possible(sector, id, false).has(hash) && !(request.isReissued && isLater)) {
          this.wrongs.push(
            `read ${id}, ended in epoch ${epoch}, brought an impossible sector ${sector}`,
          );
        }
      }
    });
  }

  #possible(sector: number, beforeId: number, withPending: boolean): Set<number> {
    const { versions } = this.#sectors[sector] ?? { versions: [] };
    const hashes = new Set<number>();
    for (let i = versions.length - 1; i >= 0; i -= 1) {
      const version = versions[i];
      if (!version || version.id >= beforeId) continue;
      if (version.state === 'pending' && !withPending) continue;
      hashes.add(version.hash);
      if (version.state === 'written') break;
    }
    return hashes;
  }
}

interface SectorHistory {
  readonly versions: {
    readonly id: number;
    readonly hash: number;
    state: 'pending' | 'written' | 'failed';
  }[];
}

interface Request {
  readonly kind: DiskRequest['kind'];
  readonly sectors: readonly number[];
  isReissued: boolean;
  isForgotten: boolean;
}

/** Toy guests tell their writes apart in the first bytes; the rest is zeros. */
function hashSector(bytes: Uint8Array, sector: number): number {
  let hash = 0x811c9dc5;
  const start = sector * sectorBytes;
  for (let i = start; i < start + 64; i += 1) {
    hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  }
  return hash >>> 0;
}
