import { assert } from '../assert.js';
import type { DiskRequest, DriveName } from '../guest/disk-request.js';
import type { DiskResult } from '../guest/guest-event.js';
import { ataCommands, failAtaCommand } from './ata-error.js';
import type { V86IdeInterface } from './v86-internals.js';

interface PendingRead {
  readonly kind: 'read';
  readonly ide: V86IdeInterface;
  readonly lengthBytes: number;
  /** v86's own number for the read, which it needs to forget it. */
  readonly ioId: number;
  readonly command: number;
  readonly done: (data: Uint8Array) => void;
}
interface PendingWrite {
  readonly kind: 'write';
  readonly ide: V86IdeInterface;
  readonly command: number;
  readonly done: () => void;
  /** The guest reset the drive and does not wait for it any more. */
  isForgotten: boolean;
}

/** A FLUSH CACHE that waits. No snapshot has one: a cut waits until no operation is under way. */
interface Flush {
  readonly ide: V86IdeInterface;
  readonly waitsFor: Set<number>;
  allWritten: boolean;
  readonly then: (allWritten: boolean) => void;
}

/**
 * The disk operations the guest has started and not seen the end of, over all its drives.
 *
 * Shape:  ids from 1 over the life of the VM, in issue order, so they are equal on every replica.
 * Errors: a completion of an unknown id is ignored: the machine that asked was reset, or the
 *         operation was issued twice around a failover and this is its second end.
 * Source: FT paper §3.4: data enters guest memory when its completion is applied, not before.
 */
export class DiskRequests {
  readonly #issue: (request: DiskRequest) => void;
  readonly #pending = new Map<number, PendingRead | PendingWrite>();
  /** What a machine that is gone has asked for: nobody waits for the data, but the disk is not done with it. */
  readonly #orphans = new Map<number, 'read' | 'write'>();
  #flushes: Flush[] = [];
  #lastId = 0;

  constructor(issue: (request: DiskRequest) => void) {
    this.#issue = issue;
  }

  /** The guest goes on where this many have been issued, and all have ended. */
  continueAfter(lastId: number): void {
    this.#lastId = lastId;
  }

  get lastId(): number {
    return this.#lastId;
  }

  /** True if everything in flight is among `completed` (none in flight: true as well). */
  isQuietAfter(completed: ReadonlySet<number>): boolean {
    const inFlight = [...this.#pending.keys(), ...this.#orphans.keys()];
    return inFlight.every((id) => completed.has(id));
  }

  read(
    drive: DriveName,
    ide: V86IdeInterface,
    range: { offsetBytes: number; lengthBytes: number },
    done: (data: Uint8Array) => void,
  ): void {
    const id = ++this.#lastId;
    const { lengthBytes } = range;
    const [ioId, command] = [ide.last_io_id - 1, ide.current_command];
    this.#pending.set(id, { kind: 'read', ide, lengthBytes, ioId, command, done });
    this.#issue({ kind: 'diskRead', id, drive, ...range });
  }

  write(
    drive: DriveName,
    ide: V86IdeInterface,
    offsetBytes: number,
    data: Uint8Array,
    done: () => void,
  ): void {
    const id = ++this.#lastId;
    const command = ide.current_command;
    this.#pending.set(id, { kind: 'write', ide, command, done, isForgotten: false });
    // The guest may reuse its buffer at once after a PIO write: the request owns a copy (§3.4).
    this.#issue({ kind: 'diskWrite', id, drive, offsetBytes, data: data.slice() });
  }

  complete(id: number, result: DiskResult): void {
    const pending = this.#pending.get(id);
    if (!pending && !this.#orphans.delete(id)) return;
    this.#pending.delete(id);
    if (pending) this.#end(id, pending, result);
    this.#noteWritten(id, result);
  }

  #end(id: number, pending: PendingRead | PendingWrite, result: DiskResult): void {
    if (result.kind === 'failed') this.#fail(pending);
    else if (pending.kind === 'read') {
      assert(result.kind === 'read', `disk request ${id} is a read, its result is not`);
      const { byteLength } = result.data;
      assert(byteLength === pending.lengthBytes, `disk request ${id} got ${byteLength} bytes`);
      pending.done(result.data);
    } else {
      assert(result.kind === 'written', `disk request ${id} is a write, its result is not`);
      if (!pending.isForgotten) pending.done();
    }
  }

  /** False if none of the drive's writes is under way; else `then` is told when they have ended. */
  whenWritten(ide: V86IdeInterface, then: (allWritten: boolean) => void): boolean {
    const own = [...this.#pending].filter(
      ([, pending]) => pending.kind === 'write' && pending.ide === ide,
    );
    // They come first on the disk, whoever asked for them.
    const orphans = [...this.#orphans].filter(([, kind]) => kind === 'write');
    const ids = [...own, ...orphans].map(([id]) => id);
    if (ids.length === 0) return false;
    this.#flushes.push({ ide, waitsFor: new Set(ids), allWritten: true, then });
    return true;
  }

  #noteWritten(id: number, result: DiskResult): void {
    for (const flush of [...this.#flushes]) {
      if (!flush.waitsFor.delete(id)) continue;
      flush.allWritten &&= result.kind === 'written';
      if (flush.waitsFor.size > 0) continue;
      this.#flushes.splice(this.#flushes.indexOf(flush), 1);
      flush.then(flush.allWritten);
    }
  }

  /** The guest reset the drive: its writes still end, but tell nobody. */
  forgetWrites(ide: V86IdeInterface): void {
    for (const pending of this.#pending.values()) {
      if (pending.kind === 'write' && pending.ide === ide) pending.isForgotten = true;
    }
    this.#flushes = this.#flushes.filter((flush) => flush.ide !== ide);
  }

  /** The machine is gone; late completions tell nobody. */
  forgetAll(): void {
    for (const [id, { kind }] of this.#pending) this.#orphans.set(id, kind);
    this.#pending.clear();
    this.#flushes = [];
  }

  #fail(pending: PendingRead | PendingWrite): void {
    const { ide, command } = pending;
    if (pending.kind === 'read') {
      if (ide.cancelled_io_ids.delete(pending.ioId)) return; // The guest reset the drive meanwhile.
      ide.in_progress_io_ids.delete(pending.ioId);
      failAtaCommand(ide, command, 'read');
    } else if (!pending.isForgotten && ataCommands.writeDma.has(command)) {
      failAtaCommand(ide, command, 'write');
    }
    // v86 tells the guest that a PIO write is done as soon as it has the data, so there is nobody
    // left to tell. The hypervisor knows; the guest finds out when it reads the sectors.
  }
}
