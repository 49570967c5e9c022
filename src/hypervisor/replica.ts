import type { GenerationRecord, ReplicaIdentity } from '../arbiter/generation-record.js';
import type { WireMessage } from '../channel/wire-message.js';
import type { GuestEvent } from '../guest/guest-event.js';
import type { WarmStart } from '../guest/warm-start.js';
import type { Link, LinkHandlers } from '../host/link.js';
import type { Resumption } from '../journal/journal.js';
import type { LogRecord } from '../log/log-record.js';
import { Backup } from '../role/backup.js';
import type { BackupStatus } from '../role/backup-status.js';
import { powerOnStart } from '../role/power-on.js';
import { Primary } from '../role/primary.js';
import type { PrimaryStatus } from '../role/primary-status.js';
import { Resuming } from '../role/resuming.js';
import type { PrimaryStart, RoleEffect } from '../role/role-effect.js';
import type { PeerId, RoleInput } from '../role/role-input.js';
import type { RoleSettings } from '../role/role-settings.js';
import { Standing } from '../role/standing.js';
import type { Generation } from '../units.js';
import { unreachable } from '../unreachable.js';
import type { VcpuFactory } from '../vcpu/vcpu.js';
import { ConsoleHistory } from './console-history.js';
import { DriveIo } from './drive-io.js';
import { ReplicaJournal } from './replica-journal.js';
import { ReplicaLifeSigns } from './replica-life-signs.js';
import { ReplicaLinks } from './replica-links.js';
import type { ReplicaEnd, ReplicaParts } from './replica-parts.js';
import { ReplicaPermission } from './replica-permission.js';
import { ReplicaVcpu } from './replica-vcpu.js';
import { TickTimer } from './tick-timer.js';
import { type TypedInput, typedInputOf } from './typed-input.js';

/**
 * One replica of a VM: a role, and the one loop that feeds it inputs and performs its effects.
 *
 * ```
 * links, heartbeats, vCPU, disks, storage, time ──▶ feed ──▶ role.step ──▶ effects ──▶ perform
 *        ▲                                                                               │
 *        └───────────────────────────────────────────────────────────────────────────────┘
 * ```
 */
export class Replica {
  readonly console = new ConsoleHistory();
  /** How its role ended: for good, unless it `stands` then. */
  ended: Promise<ReplicaEnd>;
  readonly #parts: ReplicaParts;
  readonly #settings: RoleSettings;
  readonly #links: ReplicaLinks;
  readonly #lifeSigns: ReplicaLifeSigns;
  readonly #permission: ReplicaPermission;
  readonly #queue: RoleInput[] = [];
  #role: Primary | Backup | Resuming | Standing | null = null;
  readonly #vcpu: ReplicaVcpu;
  /** Our link to the primary we follow. */
  #followed: PeerId | null = null;
  readonly #typed: TypedInput;
  readonly #driveIo: DriveIo;
  readonly #journal: ReplicaJournal;
  readonly #ticks: TickTimer;
  #feeding = false;
  #isOver = false;
  #isLeaving = false;
  #settleEnd: (end: ReplicaEnd) => void = () => undefined;

  constructor(parts: ReplicaParts, settings: RoleSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#typed = typedInputOf(parts.console, parts.clock, (event) =>
      this.feed({ kind: 'guestEvent', event }),
    );
    this.#links = new ReplicaLinks(parts, {
      opened: (peer) => this.feed({ kind: 'peerOpened', peer }),
      received: (peer, message) => this.#received(peer, message),
      ended: (peer, why) => this.feed({ kind: 'peerEnded', peer, why }),
      failed: (error) => this.#fail(error),
    });
    const asker = {
      feed: (input: RoleInput) => this.feed(input),
      fail: (error: unknown) => this.#fail(error),
    };
    this.#lifeSigns = new ReplicaLifeSigns(parts, settings, asker.feed);
    this.#permission = new ReplicaPermission(parts, settings, asker);
    this.#vcpu = new ReplicaVcpu(parts.createVcpu);
    this.#driveIo = new DriveIo(parts.drives, parts, asker.feed);
    this.#ticks = new TickTimer(parts.clock, settings.failureTimeoutMs, {
      tick: () => this.feed({ kind: 'tick' }),
      isQuiet: () => this.#isQuiet,
    });
    this.#journal = new ReplicaJournal(parts.journal, asker);
    this.ended = this.#nextEnd();
  }

  /** The generation is ours: power the machine on. */
  async powerOn(generation: Generation): Promise<void> {
    this.#permission.begins(generation);
    const warm = await this.#warmStart(generation);
    const snapshot = warm?.snapshot ?? null;
    const start = powerOnStart(generation, this.#settings.redundancy, snapshot);
    if (!(await this.#vcpu.start(snapshot, this.#vcpuHandlers()))) return;
    this.#journal.powerOn(snapshot);
    this.#becomePrimary(start);
    // In the record of the first epoch: there is no log in which the guest does not know when and who it is.
    const wallClockMs = Math.floor(this.#parts.clock.wallClockMs());
    this.feed({ kind: 'guestEvent', event: { kind: 'clockSet', wallClockMs } });
    if (warm) this.feed({ kind: 'guestEvent', event: warm.greeting });
    this.#vcpu.tell({ kind: 'goLive' });
    this.#ticks.start();
  }

  /** What the machine begins with, its disks as it knows them; null: it boots. */
  async #warmStart(generation: Generation): Promise<WarmStart | null> {
    // A later one boots: its disks have changed, and they are what it goes on from.
    const warm = generation === 1 ? ((await this.#parts.warmStart?.()) ?? null) : null;
    if (!warm || this.#isOver) return null;
    this.#driveIo.begin(generation);
    return (await this.#driveIo.writeInOrder(warm.writes)) ? warm : null;
  }

  /** The generation is ours: go on from where the journal ends. */
  resume(generation: Generation, resumption: Resumption): void {
    this.#permission.begins(generation);
    this.#journal.resume(resumption);
    const { snapshot, lastEpoch } = resumption;
    const start = { generation, snapshot, lastEpoch };
    const role = new Resuming(this.#settings, start, this.#parts.clock.nowMs());
    this.#role = role;
    for (const effect of role.begin()) this.#perform(effect);
    this.#ticks.start();
  }

  /** Follow the primary at `endpoint`; with the machine that is here, if it stands. */
  follow(endpoint: string): void {
    if (this.#isOver) return;
    const peer = this.#links.newPeer();
    this.#followed = peer;
    const kept = this.#role instanceof Standing ? this.#role.kept : null;
    if (!kept) this.#driveIo.follow();
    this.#role = new Backup(this.#settings, peer, this.#parts.clock.nowMs(), kept);
    this.#links.connect(peer, endpoint);
    this.#ticks.start();
  }

  /** Whether that generation gives it a say in the next one, though it has given up. */
  mayElectAfter(latest: GenerationRecord): boolean {
    return this.stands && this.#role instanceof Standing && this.#role.isMemberOf(latest);
  }
  /** Asks the other members whether it may go live, with the machine that stands. */
  elect(): void {
    if (this.#isOver || !(this.#role instanceof Standing)) return;
    const { kept } = this.#role;
    const nowMs = this.#parts.clock.nowMs();
    const backup = new Backup(this.#settings, this.#links.newPeer(), nowMs, kept);
    this.#role = backup;
    for (const effect of backup.elect(kept.last, nowMs)) this.#perform(effect);
    this.#ticks.start();
  }

  /** A peer has connected to us; what it wants, its first message says. */
  accept(link: Link): Omit<LinkHandlers, 'opened'> {
    return this.#links.accept(link);
  }

  /** Something came to our datagram port. */
  datagram(message: Uint8Array): void {
    this.#lifeSigns.received(message);
  }
  /** Something from outside for the guest. Ignored unless we are live. */
  inject(event: GuestEvent): void {
    if (!this.isLive) return;
    if (event.kind === 'consoleInput') this.#typed.push(event.bytes);
    else this.feed({ kind: 'guestEvent', event });
  }
  /** As `leave`, if a backup can go on. */
  handOver(): void {
    this.feed({ kind: 'handOver' });
  }
  leave(): void {
    // Whoever waits for the images to be in order does not want to any more.
    this.#isLeaving = true;
    if (this.#isOver) void this.#driveIo.close();
    if (this.#role) this.feed({ kind: 'leave' });
    else void this.#end({ kind: 'left' });
  }

  get isLive(): boolean {
    return this.#role instanceof Primary;
  }
  /** It has lost its primary, and its machine may go on with the log of the next one. */
  get stands(): boolean {
    return !this.#isOver && this.#role instanceof Standing;
  }
  get generation(): Generation {
    return this.#permission.generation;
  }
  /** The primary this replica follows, as far as it knows. */
  get primary(): ReplicaIdentity | null {
    return this.#permission.primary;
  }
  /** The log as it went over the wire. */
  logRate(): { readonly bytesPerSecond: number; readonly bytesTotal: number } {
    return this.#links.logRate();
  }
  disks(): ReturnType<DriveIo['status']> {
    return this.#driveIo.status();
  }
  /** Null before it has a role, and when it is over. */
  status():
    { kind: 'primary'; status: PrimaryStatus } | { kind: 'backup'; status: BackupStatus } | null {
    if (this.#isOver) return null;
    if (this.#role instanceof Primary) {
      return { kind: 'primary', status: this.#role.status(this.#parts.clock.nowMs()) };
    }
    const role = this.#role;
    const isBackup = role instanceof Backup || role instanceof Standing;
    return isBackup ? { kind: 'backup', status: role.status() } : null;
  }

  feed(input: RoleInput): void {
    this.#queue.push(input);
    if (this.#feeding) return;
    this.#feeding = true;
    try {
      for (let next = this.#queue.shift(); next && !this.#isOver; next = this.#queue.shift()) {
        const effects = this.#role?.step(next, this.#parts.clock.nowMs()) ?? [];
        for (const effect of effects) {
          // What was asked for after an end is asked of nobody.
          if (!this.#isOver) this.#perform(effect);
        }
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#feeding = false;
    }
    this.#ticks.fed();
  }
  get #isQuiet(): boolean {
    const role = this.#role;
    const mayRest = role instanceof Primary || role instanceof Backup;
    return mayRest && role.isQuiet(this.#parts.clock.nowMs());
  }

  #perform(effect: RoleEffect): void {
    switch (effect.kind) {
      case 'send':
      case 'closePeer':
      case 'pauseReading':
      case 'resumeReading':
        this.#links.obey(effect);
        return;
      case 'sendHeartbeat':
      case 'addWill':
        this.#lifeSigns.obey(effect);
        return;
      case 'vcpu':
        this.#vcpu.tell(effect.command);
        if (effect.command.kind === 'replay') {
          for (const record of effect.command.records) {
            this.#keep(record);
            this.#driveIo.followed(record);
          }
        }
        return;
      case 'startVcpu':
        void this.#startVcpu(effect.snapshot);
        return;
      case 'journal':
        this.#journal.obey(effect.command);
        return;
      case 'readJournal':
        void this.#journal.readNext();
        return;
      case 'claim':
      case 'readGenerations':
      case 'probePrimary':
      case 'askMember':
        void this.#permission.obey(effect);
        return;
      case 'noteRoster':
        void this.#parts.roster.write(effect.generation, effect.inSync);
        return;
      case 'startDisk':
      case 'compareDisk':
      case 'digestDisk':
        void this.#driveIo.obey(effect);
        return;
      case 'emitConsole':
        this.console.append(effect.bytes, effect.offset);
        return;
      case 'emitFrame':
        this.#parts.onFrame?.(effect.frame);
        return;
      case 'report':
        this.#parts.onReport(effect.report);
        return;
      case 'becomePrimary':
        this.#becomePrimary(effect.start);
        return;
      case 'stand':
        this.#stand(effect);
        return;
      case 'end':
        void this.#end(effect.end);
        return;
      default:
        unreachable(effect);
    }
  }

  #stand({ end, kept }: Extract<RoleEffect, { kind: 'stand' }>): void {
    this.#role = new Standing(kept);
    this.#links.closeAll();
    const settle = this.#settleEnd;
    this.ended = this.#nextEnd();
    settle(end);
  }
  #nextEnd(): Promise<ReplicaEnd> {
    return new Promise((resolve) => (this.#settleEnd = resolve));
  }

  #becomePrimary(start: PrimaryStart): void {
    this.#journal.resumed();
    const primary = new Primary(this.#settings, start, this.#parts.clock.nowMs());
    this.#role = primary;
    this.#permission.live(start.generation, this.#settings.self.identity);
    this.#driveIo.begin(start.generation);
    for (const effect of primary.begin(start)) this.#perform(effect);
  }

  // --- vCPU ----------------------------------------------------------------------------------

  async #startVcpu(snapshot: Parameters<VcpuFactory>[0]): Promise<void> {
    try {
      // A journal keeps it as well.
      const ownsSnapshot = !this.#parts.journal;
      await this.#vcpu.start(snapshot, { ...this.#vcpuHandlers(), ownsSnapshot });
    } catch (error) {
      this.#fail(error);
    }
  }

  #vcpuHandlers(): Parameters<VcpuFactory>[1] {
    return {
      event: (event) => {
        if (this.#isOver) return;
        try {
          if (event.kind === 'recorded') this.#keep(event.record);
          this.#parts.onVcpuEvent?.(event);
        } catch (error) {
          // A log that cannot be written ends the recording, as what it is.
          return this.#fail(error);
        }
        this.feed({ kind: 'vcpu', event });
      },
      failed: (error) => this.#fail(error),
      tellsCuts: this.#journal.wantsCuts,
    };
  }

  #keep(record: LogRecord): void {
    this.#journal.append(record);
    this.#parts.onRecord?.(record);
  }

  // --- links ---------------------------------------------------------------------------------

  #received(peer: PeerId, message: WireMessage): void {
    if (message.kind === 'hello' && !this.isLive) {
      const live = this.#permission.primary;
      this.#links.send(peer, {
        kind: 'refusal',
        code: 'FTVM_NOT_PRIMARY',
        why: 'this replica is not the primary',
        remedy: live ? `Join ${live.endpoint}.` : 'Join the primary of the VM.',
      });
      return this.#links.close(peer);
    }
    if (message.kind === 'welcome' && peer === this.#followed && !this.isLive) {
      this.#permission.live(message.generation, message.identity);
    }
    this.feed({ kind: 'peerMessage', peer, message });
  }

  // --- time and ends -------------------------------------------------------------------------

  #fail(error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    void this.#end({ kind: 'failed', error: cause });
  }

  async #end(end: ReplicaEnd): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ticks.stop();
    this.#typed.stop();
    this.#journal.end();
    this.#links.end();
    await this.#vcpu.close();
    // Whoever uses the disk next must not be overtaken by what we began.
    if (this.#settings.ownDisk?.use === 'everything') await this.#driveIo.settled();
    if (this.isLive && (end.kind === 'poweredOff' || end.kind === 'crashed')) {
      await this.#driveIo.fold((drive, doneBytes, totalBytes) => {
        this.#parts.onReport({ kind: 'folding', drive, doneBytes, totalBytes });
        return !this.#isLeaving;
      });
    }
    // A disk that never answers keeps nobody from leaving.
    void this.#driveIo.close();
    this.#settleEnd(end);
  }
}
