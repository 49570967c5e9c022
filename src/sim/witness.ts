import type { ReplicaId } from '../arbiter/generation-record.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { Replica } from '../hypervisor/replica.js';
import type { BackupStatus } from '../role/backup-status.js';
import type { Epoch } from '../units.js';
import type { Run } from './guest-history.js';
import type { SimProcess } from './sim-process.js';

/**
 * What is truly known about one replica, and to which epoch each of its outputs belongs. A process
 * that joins again has a new witness.
 */
export class Witness {
  readonly id: ReplicaId;
  readonly process: SimProcess;
  replica: Replica | null = null;
  /** The run it replays or, once live, makes. */
  run: Run | null = null;
  received: Epoch = 0;
  ran: Epoch = 0;
  isLive = false;
  isOver = false;
  framesLeft = 0;
  /** Its guest was changed behind its back: it is no replica, and has to find out. */
  isDamaged = false;
  readonly #consoleEnds: { readonly end: number; readonly epoch: Epoch }[] = [];
  readonly #writes = new WeakMap<Uint8Array, { readonly id: number; readonly epoch: Epoch }>();

  constructor(id: ReplicaId, process: SimProcess) {
    this.id = id;
    this.process = process;
  }

  /** Its process may still do something. */
  get isAlive(): boolean {
    return !this.isOver && !this.process.isDead;
  }

  /** Null unless it follows a primary. */
  get backupStatus(): BackupStatus | null {
    const found = this.replica?.status();
    return found?.kind === 'backup' ? found.status : null;
  }

  /** It has the record, in its vCPU or before it. */
  has(epoch: Epoch): boolean {
    return Math.max(this.received, this.backupStatus?.received ?? 0) >= epoch;
  }

  produced(epoch: Epoch, outputs: readonly GuestOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'consoleBytes') {
        this.#consoleEnds.push({ end: output.offset + output.bytes.byteLength, epoch });
      } else if (output.kind === 'diskWrite') {
        this.#writes.set(output.data, { id: output.id, epoch });
      }
    }
  }

  /** The epoch whose output ends at that console offset. */
  epochOfConsole(end: number): Epoch {
    let found: Epoch = 0;
    for (let i = this.#consoleEnds.length - 1; i >= 0; i -= 1) {
      const entry = this.#consoleEnds[i];
      if (!entry || entry.end < end) break;
      found = entry.epoch;
    }
    return found;
  }

  /** A write is known by its data, which travels by reference from the guest to the disk. */
  writeOf(data: Uint8Array): { readonly id: number; readonly epoch: Epoch } | null {
    return this.#writes.get(data) ?? null;
  }
}
