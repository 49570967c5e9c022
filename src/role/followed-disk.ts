import { DiskResync } from '../disk/disk-resync.js';
import { nothingInHand, OwnDisk, type DiskInHand } from '../disk/own-disk.js';
import type { StateProgress } from '../channel/state-transfer.js';
import type { DiskAnswer, WireMessage } from '../channel/wire-message.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch } from '../units.js';
import type { RoleEffect } from './role-effect.js';
import type { RoleInput } from './role-input.js';
import type { OwnDiskSettings } from './role-settings.js';

/**
 * The disks of a backup, between its records and its vCPU. With everything in the log there is nothing
 * to do; a backup that reads for itself holds records back until it has; one that has a copy brings
 * it up to the primary's first.
 *
 * Shape:  inputs in, effects out; `say` makes the effect that sends a message to the primary.
 */
export class FollowedDisk {
  readonly #own: OwnDisk | null;
  readonly #resync: DiskResync | null;
  readonly #say: (message: WireMessage) => RoleEffect;
  #toDigest: RoleEffect[] = [];
  #isSynced = false;
  #retryAtMs = 0;
  #toldAtMs: number | null = null;

  constructor(settings: OwnDiskSettings | null, say: (message: WireMessage) => RoleEffect) {
    this.#own = settings && new OwnDisk(settings.use);
    this.#resync =
      settings?.use === 'everything' ? new DiskResync(settings.copies, settings.chunkBytes) : null;
    this.#say = say;
  }

  /** The state is here, cut after that disk request, and records will follow. */
  begin(lastRequestId: number): RoleEffect[] {
    this.#own?.beginAfter(lastRequestId);
    return this.#askOn();
  }

  records(records: readonly LogRecord[]): RoleEffect[] {
    if (!this.#own) return [replay(records)];
    this.#own.receive(records);
    return this.#goOn();
  }

  ran(outputs: readonly GuestOutput[]): RoleEffect[] {
    if (!this.#own) return [];
    this.#own.issued(outputs);
    for (const output of outputs) if (output.kind === 'diskWrite') this.#resync?.issued(output);
    return this.#goOn();
  }

  finished({ requestId, result }: Extract<RoleInput, { kind: 'diskFinished' }>): RoleEffect[] {
    this.#own?.finished(requestId, result);
    return [...this.#goOn(), ...this.#endSync()];
  }

  /** `ran` is how far our guest has got. */
  digested(
    { chunk, digest }: Extract<RoleInput, { kind: 'diskDigested' }>,
    ran: Epoch,
  ): RoleEffect[] {
    if (!digest) {
      this.#toDigest.push({ kind: 'digestDisk', chunk });
      return [];
    }
    this.#resync?.asked(chunk);
    return [this.#say({ kind: 'diskAsk', ...chunk, digest, ran })];
  }

  /** Null if it answers what was not asked. */
  answered({ drive, offsetBytes, data }: DiskAnswer): RoleEffect[] | null {
    const writes = this.#resync?.answered({ drive, offsetBytes }, data);
    if (!writes) return null;
    for (const write of writes) this.#own?.store(write);
    return [...this.#goOn(), ...this.#askOn(), ...this.#endSync()];
  }

  tick(nowMs: number): RoleEffect[] {
    const told = this.#tell(nowMs);
    if (!this.#own || nowMs < this.#retryAtMs) return told;
    this.#retryAtMs = nowMs + retryMs;
    const again = this.#own.retry().map((request) => ({ kind: 'startDisk', request }) as const);
    return [...told, ...again, ...this.#toDigest.splice(0)];
  }

  /** Everything that has arrived is with the vCPU. */
  get isDrained(): boolean {
    return this.#own?.isDrained ?? true;
  }
  /** The vCPU can do nothing before more has arrived. */
  get awaitsRecords(): boolean {
    return this.#own?.awaitsRecords ?? false;
  }
  /** A read that the primary's guest has issued and ours, after the epoch `ran`, has not; null: none. */
  unissued(ran: Epoch): number | null {
    return this.#own?.unissued(ran) ?? null;
  }
  /** We have a disk to ourselves. */
  get isCopy(): boolean {
    return this.#resync !== null;
  }
  /** Our disk is what the guest was told it is. */
  get isCurrent(): boolean {
    return this.#own?.isCurrent ?? true;
  }
  get hasWrites(): boolean {
    return this.#own?.hasWrites ?? false;
  }
  get inHand(): DiskInHand {
    return this.#own?.handOver() ?? nothingInHand;
  }
  /** How far the comparison is; null before and after. */
  get progress(): StateProgress | null {
    if (!this.#resync || this.#isSynced) return null;
    const { comparedBytes: doneBytes, totalBytes } = this.#resync;
    return doneBytes === 0 ? null : { doneBytes, totalBytes };
  }

  #goOn(): RoleEffect[] {
    if (!this.#own) return [];
    const records = this.#own.replayable();
    return [
      ...(records.length > 0 ? [replay(records)] : []),
      ...this.#own.start().map((request) => ({ kind: 'startDisk', request }) as const),
    ];
  }

  #askOn(): RoleEffect[] {
    const chunks = this.#resync?.next() ?? [];
    return chunks.map((chunk) => ({ kind: 'digestDisk', chunk }));
  }

  /** How far the comparison is, once a second. */
  #tell(nowMs: number): RoleEffect[] {
    const { progress } = this;
    if (!progress) return [];
    this.#toldAtMs ??= nowMs;
    if (nowMs - this.#toldAtMs < tellMs) return [];
    this.#toldAtMs = nowMs;
    return [{ kind: 'report', report: { kind: 'diskComparing', ...progress } }];
  }

  /** Once, when all is compared and what differed is on our disk. */
  #endSync(): RoleEffect[] {
    if (!this.#resync?.isDone || this.#isSynced || this.#own?.storing !== 0) return [];
    this.#isSynced = true;
    this.#own.synced();
    const { comparedBytes, differentBytes } = this.#resync;
    return [
      this.#say({ kind: 'diskSynced' }),
      { kind: 'report', report: { kind: 'diskSynced', comparedBytes, differentBytes } },
    ];
  }
}

const retryMs = 100;
const tellMs = 1000;

function replay(records: readonly LogRecord[]): RoleEffect {
  return { kind: 'vcpu', command: { kind: 'replay', records } };
}
