import type { DiskRead } from '../guest/disk-request.js';
import type { Epoch } from '../units.js';
import { chunkBytesMax, chunksAtOnce, type DiskChunk } from './disk-resync.js';

/** A backup asks whether a stretch of its disk is as the primary's. */
export interface DiskQuestion extends DiskChunk {
  /** SHA-256 of the backup's. */
  readonly digest: Uint8Array;
  /** How far the backup's guest had run: ours must have, before we look. */
  readonly ran: Epoch;
}

/**
 * The primary's side of comparing disks (disk-resync.ts): questions of backups on their way through the
 * order of disk operations, so that an answer holds every write issued before it and none after.
 *
 * Shape:  ids are negative: no guest request has them. `Asker` names a backup.
 */
export class ResyncDesk<Asker> {
  readonly #waiting: { readonly asker: Asker; readonly question: DiskQuestion }[] = [];
  readonly #looking = new Map<number, { readonly asker: Asker; readonly question: DiskQuestion }>();
  #lastId = 0;

  /** Takes a question; answers what is wrong with it. */
  ask(asker: Asker, question: DiskQuestion): string | null {
    const { lengthBytes, offsetBytes } = question;
    if (lengthBytes < 1 || lengthBytes > chunkBytesMax || offsetBytes % 512 !== 0) {
      return `it asked about ${lengthBytes} bytes at ${offsetBytes} of a disk`;
    }
    const open = [...this.#waiting, ...this.#looking.values()];
    if (open.filter((each) => each.asker === asker).length >= chunksAtOnce) {
      return 'it asked too much at once';
    }
    this.#waiting.push({ asker, question });
    return null;
  }

  /** Takes the questions that may be looked at, now that the guest has run that far, as reads. */
  due(ran: Epoch): DiskRead[] {
    const reads: DiskRead[] = [];
    for (const entry of this.#waiting.splice(0)) {
      if (entry.question.ran > ran) {
        this.#waiting.push(entry);
        continue;
      }
      this.#lastId -= 1;
      this.#looking.set(this.#lastId, entry);
      const { drive, offsetBytes, lengthBytes } = entry.question;
      reads.push({ kind: 'diskRead', id: this.#lastId, drive, offsetBytes, lengthBytes });
    }
    return reads;
  }

  /** The question a read is for. */
  digestOf(id: number): Uint8Array | undefined {
    return this.#looking.get(id)?.question.digest;
  }
  /** Takes out a question whose read has ended; undefined if its asker has gone. */
  looked(id: number): { readonly asker: Asker; readonly question: DiskQuestion } | undefined {
    const entry = this.#looking.get(id);
    this.#looking.delete(id);
    return entry;
  }
  forget(asker: Asker): void {
    for (const [id, entry] of this.#looking) if (entry.asker === asker) this.#looking.delete(id);
    const others = this.#waiting.filter((entry) => entry.asker !== asker);
    this.#waiting.splice(0, this.#waiting.length, ...others);
  }
}
