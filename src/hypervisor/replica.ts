import type { GenerationRecord, ReplicaIdentity } from '../arbiter/generation-record.js';
import { heartbeatOf, lastWillOf, parseLifeSign } from '../channel/life-sign.js';
import { decodeMessage, encodeMessage } from '../channel/wire-codec.js';
import { FtvmError } from '../errors.js';
import type { Drive } from '../disk/drive.js';
import type { DiskRequest } from '../guest/disk-request.js';
import type { GuestEvent } from '../guest/guest-event.js';
import type { WarmStart } from '../guest/warm-start.js';
import type { Clock } from '../host/clock.js';
import type { Datagrams } from '../host/datagrams.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { Digest } from '../host/digest.js';
import type { GenerationStore } from '../host/generation-store.js';
import type { HolderProbe } from '../host/holder-probe.js';
import type { Roster } from '../host/roster.js';
import type { LastWill } from '../host/last-will.js';
import type { Link, LinkConnector, LinkHandlers } from '../host/link.js';
import type { Journal, Resumption } from '../journal/journal.js';
import type { LogRecord } from '../log/log-record.js';
import { Backup } from '../role/backup.js';
import type { BackupStatus } from '../role/backup-status.js';
import { Primary } from '../role/primary.js';
import type { PrimaryStatus } from '../role/primary-status.js';
import { defaultRedundancy } from '../role/redundancy.js';
import type { PrimaryStart, RoleEffect, RoleEnd, RoleReport } from '../role/role-effect.js';
import type { PeerId, RoleInput } from '../role/role-input.js';
import { Resuming } from '../role/resuming.js';
import { Standing } from '../role/standing.js';
import type { RoleSettings } from '../role/role-settings.js';
import { noPast } from '../log/log-history.js';
import { unreachable } from '../unreachable.js';
import type { Generation } from '../units.js';
import type { Vcpu, VcpuEvent, VcpuFactory } from '../vcpu/vcpu.js';
import { ConsoleHistory } from './console-history.js';
import { ConsoleInput } from './console-input.js';
import { DriveIo } from './drive-io.js';
import { Rate } from './rate.js';
import { holderFacts } from './holder-facts.js';
import { ReplicaJournal } from './replica-journal.js';
import { perform } from './vcpu-command.js';

/** The world of one replica. */
export interface ReplicaParts {
  readonly clock: Clock;
  readonly diagnostics: Diagnostics;
  readonly connector: LinkConnector;
  readonly datagrams: Datagrams;
  /** Absent where nothing outlives a process that is killed. */
  readonly lastWill?: LastWill;
  readonly generations: GenerationStore;
  readonly probe: HolderProbe;
  readonly roster: Roster;
  readonly createVcpu: VcpuFactory;
  /** Somebody will need a vCPU soon: what can be built of it before its state is here, is. */
  readonly prepareVcpu?: () => void;
  /** What a first start can begin with instead of a boot. Never rejects. */
  readonly warmStart?: () => Promise<WarmStart | null>;
  /** By drive name, for this replica alone. Shared ones only the live replica writes (§4.1). */
  readonly drives: ReadonlyMap<string, Drive>;
  readonly digest: Digest;
  /** Where this process keeps the log; the same for all of its replicas. */
  readonly journal?: Journal;
  readonly onReport: (report: RoleReport) => void;
  /** Every record a live vCPU made or a replaying one was given, for a log file. */
  readonly onRecord?: (record: LogRecord) => void;
  readonly onVcpuEvent?: (event: VcpuEvent) => void;
  readonly onFrame?: (frame: Uint8Array) => void;
}

/** How a replica is over; a `failed` one is a bug and carries it. */
export type ReplicaEnd = RoleEnd | { readonly kind: 'failed'; readonly error: Error };

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
  readonly #links = new Map<PeerId, Link>();
  readonly #queue: RoleInput[] = [];
  #role: Primary | Backup | Resuming | Standing | null = null;
  #vcpu: Vcpu | null = null;
  /** Commands for a vCPU that is still being made. */
  #vcpuQueue: ((vcpu: Vcpu) => void)[] = [];
  /** Our link to the primary we follow. */
  #followed: PeerId | null = null;
  #primary: ReplicaIdentity | null = null;
  #generation: Generation = 0;
  readonly #logRate = new Rate();
  readonly #consoleInput: ConsoleInput;
  readonly #driveIo: DriveIo;
  readonly #journal: ReplicaJournal;
  #lastPeer: PeerId = 0;
  #stopTicking: (() => void) | null = null;
  #feeding = false;
  #isOver = false;
  #isLeaving = false;
  /** Said once, though it is asked again every second. */
  #lastDoubt = '';
  #settleEnd: (end: ReplicaEnd) => void = () => undefined;

  constructor(parts: ReplicaParts, settings: RoleSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#consoleInput = new ConsoleInput(parts.clock, (bytes) =>
      this.feed({ kind: 'guestEvent', event: { kind: 'consoleInput', bytes } }),
    );
    this.#driveIo = new DriveIo(parts.drives, parts);
    this.#journal = new ReplicaJournal(parts.journal, {
      feed: (input) => this.feed(input),
      fail: (error) => this.#fail(error),
    });
    this.ended = this.#nextEnd();
  }

  /** The generation is ours: power the machine on. */
  async powerOn(generation: Generation): Promise<void> {
    this.#generation = generation;
    const warm = await this.#warmStart(generation);
    const snapshot = warm?.snapshot ?? null;
    const start: PrimaryStart = {
      generation,
      redundancy: { ...defaultRedundancy, ...this.#settings.redundancy },
      lastEpoch: snapshot?.epoch ?? 0,
      consoleOffset: 0,
      lastRequestId: 0,
      pendingDisk: [],
      startedDisk: [],
      finishedDisk: [],
      unreleasedFrames: [],
      guestEnd: null,
      isPaused: false,
      past: noPast(generation),
    };
    const vcpu = await this.#parts.createVcpu(snapshot, this.#vcpuHandlers());
    if (this.#isOver) return vcpu.close();
    this.#vcpu = vcpu;
    this.#journal.powerOn(snapshot);
    this.#becomePrimary(start);
    // In the record of the first epoch: there is no log in which the guest does not know who it is.
    if (warm) this.feed({ kind: 'guestEvent', event: warm.greeting });
    vcpu.goLive();
    this.#tickOn();
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
    this.#generation = generation;
    this.#journal.resume(resumption);
    const { snapshot, lastEpoch } = resumption;
    const start = { generation, snapshot, lastEpoch };
    const role = new Resuming(this.#settings, start, this.#parts.clock.nowMs());
    this.#role = role;
    for (const effect of role.begin()) this.#perform(effect);
    this.#tickOn();
  }

  /** Follow the primary at `endpoint`; with the machine that is here, if it stands. */
  follow(endpoint: string): void {
    if (this.#isOver) return;
    const peer = this.#newPeer();
    this.#followed = peer;
    const kept = this.#role instanceof Standing ? this.#role.kept : null;
    if (!kept) this.#driveIo.follow();
    this.#role = new Backup(this.#settings, peer, this.#parts.clock.nowMs(), kept);
    const link = this.#parts.connector.connect(endpoint, {
      opened: () => this.feed({ kind: 'peerOpened', peer }),
      ...this.#linkHandlers(peer),
    });
    this.#links.set(peer, link);
    this.#tickOn();
  }

  /** A peer has connected to us; what it wants, its first message says. */
  accept(link: Link): Omit<LinkHandlers, 'opened'> {
    if (this.#isOver || this.#links.size >= linksMax) {
      link.close();
      return { received: () => undefined, ended: () => undefined };
    }
    const peer = this.#newPeer();
    this.#links.set(peer, link);
    const handlers = this.#linkHandlers(peer);
    // Whoever connects and says nothing only holds a place.
    const stopWaiting = this.#parts.clock.after(greetingMsMax, () => link.close());
    return {
      received: (message) => {
        stopWaiting();
        handlers.received(message);
      },
      ended: (how) => {
        stopWaiting();
        handlers.ended(how);
      },
    };
  }

  /** Something came to our datagram port. */
  datagram(message: Uint8Array): void {
    const sign = parseLifeSign(message);
    if (sign.kind === 'heartbeat') this.feed(sign);
    else if (sign.word === this.#settings.willWord) this.feed({ kind: 'lastWill', of: sign.of });
  }
  /** Something from outside for the guest. Ignored unless we are live. */
  inject(event: GuestEvent): void {
    if (!this.isLive) return;
    if (event.kind === 'consoleInput') this.#consoleInput.push(event.bytes);
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
    return this.#generation;
  }
  /** The primary this replica follows, as far as it knows. */
  get primary(): ReplicaIdentity | null {
    return this.#primary;
  }
  /** The log as it went over the wire. */
  logRate(): { readonly bytesPerSecond: number; readonly bytesTotal: number } {
    const bytesPerSecond = Math.round(this.#logRate.perSecond(this.#parts.clock.nowMs()));
    return { bytesPerSecond, bytesTotal: this.#logRate.total };
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
  }

  #perform(effect: RoleEffect): void {
    switch (effect.kind) {
      case 'send': {
        const bytes = encodeMessage(effect.message);
        if (effect.message.kind === 'records') {
          this.#logRate.add(bytes.byteLength, this.#parts.clock.nowMs());
        }
        this.#links.get(effect.peer)?.send(bytes);
        return;
      }
      case 'closePeer':
        this.#links.get(effect.peer)?.close();
        this.#links.delete(effect.peer);
        return;
      case 'pauseReading':
        this.#links.get(effect.peer)?.pauseReading();
        return;
      case 'resumeReading':
        this.#links.get(effect.peer)?.resumeReading();
        return;
      case 'sendHeartbeat': {
        const { replica } = this.#settings.self.identity;
        this.#parts.datagrams.send(effect.to, heartbeatOf(replica));
        return;
      }
      case 'addWill': {
        const { replica } = this.#settings.self.identity;
        this.#parts.lastWill?.add(effect.to, lastWillOf(replica, effect.word));
        return;
      }
      case 'vcpu':
        this.#command((vcpu) => {
          perform(vcpu, effect.command);
        });
        if (effect.command.kind === 'replay') {
          for (const record of effect.command.records) this.#keep(record);
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
        void this.#claim(effect);
        return;
      case 'readGenerations':
        void this.#readGenerations(effect.asked);
        return;
      case 'noteRoster':
        void this.#parts.roster.write(effect.generation, effect.inSync);
        return;
      case 'probePrimary':
        void this.#probePrimary();
        return;
      case 'askMember':
        void this.#askMember(effect.member);
        return;
      case 'startDisk':
        void this.#startDisk(effect.request);
        return;
      case 'compareDisk': {
        const { request, digest } = effect;
        void this.#driveIo
          .compare(request, digest)
          .then((found) => this.feed({ kind: 'diskCompared', requestId: request.id, found }));
        return;
      }
      case 'digestDisk': {
        const { chunk } = effect;
        void this.#driveIo
          .digest(chunk)
          .then((digest) => this.feed({ kind: 'diskDigested', chunk, digest }));
        return;
      }
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
    this.#closeLinks();
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
    this.#generation = start.generation;
    this.#primary = this.#settings.self.identity;
    this.#driveIo.begin(start.generation);
    for (const effect of primary.begin(start)) this.#perform(effect);
  }

  // --- vCPU ----------------------------------------------------------------------------------

  async #startVcpu(snapshot: Parameters<VcpuFactory>[0]): Promise<void> {
    try {
      // A journal keeps it as well.
      const ownsSnapshot = !this.#parts.journal;
      const handlers = { ...this.#vcpuHandlers(), ownsSnapshot };
      const vcpu = await this.#parts.createVcpu(snapshot, handlers);
      if (this.#isOver) return void vcpu.close();
      this.#vcpu = vcpu;
      for (const command of this.#vcpuQueue.splice(0)) command(vcpu);
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

  #command(command: (vcpu: Vcpu) => void): void {
    if (this.#vcpu) command(this.#vcpu);
    else this.#vcpuQueue.push(command);
  }

  // --- links ---------------------------------------------------------------------------------

  #newPeer(): PeerId {
    this.#lastPeer += 1;
    return this.#lastPeer;
  }

  #closeLinks(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #linkHandlers(peer: PeerId): Omit<LinkHandlers, 'opened'> {
    return {
      received: (bytes) => {
        try {
          this.#received(peer, bytes);
        } catch (error) {
          if (!(error instanceof FtvmError)) {
            this.#fail(error);
            return;
          }
          // Garbage, a flipped bit or a stranger: the link is worthless, the replica is not.
          this.#parts.diagnostics.warn('A peer sent a message that cannot be read', {
            why: error.message,
          });
          this.#links.get(peer)?.close();
          this.#links.delete(peer);
          this.feed({ kind: 'peerEnded', peer, why: error.message });
        }
      },
      ended: (how) => {
        this.#links.delete(peer);
        this.feed({
          kind: 'peerEnded',
          peer,
          why: 'why' in how ? how.why : `the link ${how.kind}`,
        });
      },
    };
  }

  #received(peer: PeerId, bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    if (message.kind === 'hello' && !this.isLive) {
      const live = this.#primary;
      this.#links.get(peer)?.send(
        encodeMessage({
          kind: 'refusal',
          code: 'FTVM_NOT_PRIMARY',
          why: 'this replica is not the primary',
          remedy: live ? `Join ${live.endpoint}.` : 'Join the primary of the VM.',
        }),
      );
      this.#links.get(peer)?.close();
      this.#links.delete(peer);
      return;
    }
    if (message.kind === 'welcome' && peer === this.#followed && !this.isLive) {
      this.#primary = message.identity;
      this.#generation = message.generation;
    }
    this.feed({ kind: 'peerMessage', peer, message });
  }

  // --- storage -------------------------------------------------------------------------------

  async #claim(effect: Extract<RoleEffect, { kind: 'claim' }>): Promise<void> {
    const { generation, inSync, quorum, reason } = effect;
    const record: GenerationRecord = {
      generation,
      vm: this.#settings.self.vm,
      holder: this.#settings.self.identity,
      inSync,
      reason,
      claimedAt: new Date(this.#parts.clock.wallClockMs()).toISOString(),
      ...holderFacts(this.#settings),
      ...(quorum && { quorum }),
    };
    try {
      const outcome = await this.#parts.generations.claim(record);
      if (outcome.kind === 'won') this.#generation = generation;
      this.feed({ kind: 'claimAnswered', generation, outcome });
    } catch (error) {
      if (!(error instanceof FtvmError)) return this.#fail(error);
      // A file that cannot be understood is neither a yes nor a no: wait, and ask again.
      const outcome = { kind: 'unreachable', why: error.message } as const;
      this.feed({ kind: 'claimAnswered', generation, outcome });
    }
  }

  async #readGenerations(asked: number): Promise<void> {
    try {
      const latest = await this.#parts.generations.latest();
      if (latest.kind === 'none') {
        this.#parts.diagnostics.warn('The generations of this VM are gone from the shared disk');
      }
      this.feed({
        kind: 'generationsRead',
        asked,
        latest: latest.kind === 'found' ? latest.record : 'unreachable',
      });
    } catch (error) {
      if (!(error instanceof FtvmError)) return this.#fail(error);
      if (error.message !== this.#lastDoubt) {
        this.#lastDoubt = error.message;
        this.#parts.diagnostics.warn(`Cannot tell who is live: ${error.message}`);
      }
      this.feed({ kind: 'generationsRead', asked, latest: 'unreachable' });
    }
  }

  async #probePrimary(): Promise<void> {
    if (!this.#primary) return;
    try {
      this.feed({ kind: 'probed', outcome: await this.#parts.probe.probe(this.#primary) });
    } catch (error) {
      this.#fail(error);
    }
  }

  async #askMember(member: ReplicaIdentity): Promise<void> {
    try {
      const answer = await this.#parts.probe.seatOf(member);
      this.feed({ kind: 'memberAnswered', replica: member.replica, answer });
    } catch (error) {
      this.#fail(error);
    }
  }

  async #startDisk(request: DiskRequest): Promise<void> {
    const result = await this.#driveIo.perform(request);
    this.feed({ kind: 'diskFinished', requestId: request.id, result });
  }

  // --- time and ends -------------------------------------------------------------------------

  #tickOn(): void {
    this.#stopTicking?.();
    this.#stopTicking = this.#parts.clock.after(tickMs, () => {
      if (this.#isOver) return;
      this.feed({ kind: 'tick' });
      this.#tickOn();
    });
  }

  #fail(error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    void this.#end({ kind: 'failed', error: cause });
  }

  async #end(end: ReplicaEnd): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTicking?.();
    this.#consoleInput.stop();
    this.#journal.end();
    this.#closeLinks();
    await this.#vcpu?.close();
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

// Short beside a heartbeat (50 ms) and a batch of records (3 ms) counts as soon as it is due.
const tickMs = 5;
const greetingMsMax = 5000;
// Backups, and strangers who hold a place until they have to greet.
const linksMax = 64;
