import type { DiskChunk } from '../disk/disk-resync.js';
import type { Drive, DriveStatus } from '../disk/drive.js';
import type { FoldProgress } from '../disk/image-fold.js';
import { LayerSupersededError } from '../disk/layer-error.js';
import { FtvmError } from '../errors.js';
import type { DiskRequest, DiskWrite } from '../guest/disk-request.js';
import type { DiskResult, GuestEvent } from '../guest/guest-event.js';
import type { Clock } from '../host/clock.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { Digest } from '../host/digest.js';
import type { LogRecord } from '../log/log-record.js';
import type { RoleEffect } from '../role/role-effect.js';
import type { RoleInput } from '../role/role-input.js';
import type { Generation } from '../units.js';
import { unreachable } from '../unreachable.js';
import { ReadAhead } from './read-ahead.js';

type DiskEffect = Extract<RoleEffect, { kind: 'startDisk' | 'compareDisk' | 'digestDisk' }>;

/**
 * The drives of one replica's guest: performs its disk requests on the stores of the host.
 *
 * Shape:  a backup reads ahead from `follow` on; after `begin`, requests wait until the drives are ours,
 *         while the guest runs on.
 * Errors: none; a request the host cannot perform ends as `failed`, and the diagnostics say why.
 */
export class DriveIo {
  readonly #drives: ReadonlyMap<string, Drive>;
  readonly #clock: Clock;
  readonly #digest: Digest;
  readonly #diagnostics: Diagnostics;
  readonly #feed: (input: RoleInput) => void;
  readonly #begun = new Map<string, Promise<void>>();
  readonly #underWay = new Set<Promise<DiskResult>>();
  #readAhead: ReadAhead | null = null;
  #isClosed = false;

  constructor(
    drives: ReadonlyMap<string, Drive>,
    host: { readonly clock: Clock; readonly digest: Digest; readonly diagnostics: Diagnostics },
    feed: (input: RoleInput) => void,
  ) {
    this.#drives = drives;
    this.#clock = host.clock;
    this.#digest = host.digest;
    this.#diagnostics = host.diagnostics;
    this.#feed = feed;
  }

  follow(): void {
    if (this.#isClosed || this.#begun.size > 0) return;
    this.#readAhead ??= new ReadAhead(this.#clock, () =>
      Promise.all([...this.#drives.values()].map((drive) => drive.follow())),
    );
  }
  /** A record of the primary has come. */
  followed({ events }: LogRecord): void {
    const isWrite = (event: GuestEvent): boolean =>
      event.kind === 'diskCompleted' && event.result.kind === 'written';
    if (events.some(isWrite)) this.#readAhead?.written();
  }

  begin(generation: Generation): void {
    if (this.#begun.size > 0) return;
    this.#readAhead?.stop();
    for (const [name, drive] of this.#drives) {
      const begun = this.#begin(name, drive, generation);
      // Who asks for something is told.
      begun.catch(() => undefined);
      this.#begun.set(name, begun);
    }
  }

  /** One after another, so that a power cut leaves a beginning of them. False: not all could be made. */
  async writeInOrder(writes: readonly DiskWrite[]): Promise<boolean> {
    for (const write of writes) {
      if ((await this.perform(write)).kind === 'failed') return false;
    }
    return true;
  }

  /** What the role asks for; the answer is an input for it, later. */
  async obey(effect: DiskEffect): Promise<void> {
    switch (effect.kind) {
      case 'startDisk': {
        const { request } = effect;
        const result = await this.perform(request);
        return this.#feed({ kind: 'diskFinished', requestId: request.id, result });
      }
      case 'compareDisk': {
        const { request, digest } = effect;
        const found = await this.compare(request, digest);
        return this.#feed({ kind: 'diskCompared', requestId: request.id, found });
      }
      case 'digestDisk': {
        const { chunk } = effect;
        const digest = await this.digest(chunk);
        return this.#feed({ kind: 'diskDigested', chunk, digest });
      }
      default:
        unreachable(effect);
    }
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

  /** The guest is over, and nobody goes on: each image becomes whole by itself. */
  async fold(
    progress: (drive: string, ...done: Parameters<FoldProgress>) => boolean,
  ): Promise<void> {
    for (const [name, drive] of this.#drives) {
      try {
        await this.#begun.get(name);
        await drive.fold((done, total) => progress(name, done, total));
      } catch (error) {
        const why = messageOf(error);
        this.#diagnostics.warn('The image is not whole without its layers; nothing is lost', {
          drive: name,
          why,
        });
      }
    }
  }

  status(): (DriveStatus & { readonly drive: string })[] {
    return [...this.#drives].flatMap(([drive, each]) => {
      const status = each.status();
      return status ? [{ drive, ...status }] : [];
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#readAhead?.stop();
    await Promise.all([...this.#drives.values()].map((drive) => drive.close()));
  }

  async #perform(request: DiskRequest): Promise<DiskResult> {
    const { drive: name, offsetBytes } = request;
    try {
      const drive = this.#drives.get(name);
      if (!drive) throw new Error(`the machine has no drive ${name}`);
      await this.#begun.get(name);
      if (request.kind === 'diskRead') {
        return { kind: 'read', data: await drive.read(offsetBytes, request.lengthBytes) };
      }
      await drive.write(offsetBytes, request.data);
      return { kind: 'written' };
    } catch (error) {
      this.#diagnostics.error('A disk operation failed; the guest sees an ATA error', {
        drive: name,
        offsetBytes,
        why: messageOf(error),
      });
      return { kind: 'failed' };
    }
  }

  /** A disk that is away or full is tried again: the guest waits, as for any slow disk. */
  async #begin(name: string, drive: Drive, generation: Generation): Promise<void> {
    for (let said = ''; !this.#isClosed;) {
      try {
        return await drive.begin(generation);
      } catch (error) {
        if (error instanceof LayerSupersededError) throw error;
        const why = messageOf(error);
        if (why !== said) {
          said = why;
          const remedy = error instanceof FtvmError ? { remedy: error.remedy } : {};
          const about = { drive: name, why, ...remedy };
          this.#diagnostics.warn('The disk cannot be used yet; trying again', about);
        }
        await new Promise<void>((resolve) => this.#clock.after(retryMs, resolve));
      }
    }
  }
}

const retryMs = 100;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
