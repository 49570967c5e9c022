import type { ClaimOutcome } from '../../src/arbiter/claim-outcome.js';
import type { GenerationRecord, ReplicaIdentity } from '../../src/arbiter/generation-record.js';
import type { GuestEnd } from '../../src/guest/guest-end.js';
import { plainDrive } from '../../src/disk/drive.js';
import type { Clock } from '../../src/host/clock.js';
import type { GenerationStore } from '../../src/host/generation-store.js';
import type { ProbeOutcome } from '../../src/host/holder-probe.js';
import type { Link, LinkHandlers } from '../../src/host/link.js';
import type { SectorStore } from '../../src/host/sector-store.js';
import { Hypervisor } from '../../src/hypervisor/hypervisor.js';
import type { Replica } from '../../src/hypervisor/replica.js';
import type { ReplicaEnd, ReplicaParts } from '../../src/hypervisor/replica-parts.js';
import type { RoleReport } from '../../src/role/role-effect.js';
import type { RoleSettings } from '../../src/role/role-settings.js';
import { bytesOf, settingsOf, textOf } from '../role/settings.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';
import { ToyVcpu } from './toy-vcpu.js';

/** Hosts, shared storage, a disk, and a network between them; time moves when a test says so. */
export class SmallWorld {
  nowMs = 0;
  readonly hosts = new Map<string, Host>();
  readonly generations = new Map<number, GenerationRecord>();
  /** How guests ended, by generation, as noted beside it. */
  readonly ends = new Map<number, GuestEnd>();
  readonly disk = new SharedDisk();
  roster: { readonly generation: number; readonly inSync: readonly ReplicaIdentity[] } = {
    generation: 0,
    inSync: [],
  };
  /** Storage is about to be asked for a generation. */
  beforeClaim: () => void = () => undefined;
  readonly #cuts = new Set<string>();

  host(name: string, changes: Partial<RoleSettings> = {}): Host {
    const host = new Host(this, name, changes);
    this.hosts.set(name, host);
    return host;
  }

  /** Nothing passes between two hosts any more, and neither is told. */
  cut(a: Host, b: Host): void {
    this.#cuts.add(`${a.name} ${b.name}`).add(`${b.name} ${a.name}`);
  }
  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from} ${to}`);
  }

  async pass(ms: number): Promise<void> {
    for (const until = this.nowMs + ms; this.nowMs < until;) {
      this.nowMs += 5;
      for (const host of this.hosts.values()) host.turn();
      // Promises of storage and disks, a few deep.
      for (let i = 0; i < 20; i += 1) await Promise.resolve();
    }
  }

  get latest(): GenerationRecord | undefined {
    return [...this.generations.values()].at(-1);
  }
}

/** One process: it can be stopped, woken and killed, and cut off from storage. */
export class Host {
  readonly name: string;
  readonly settings: RoleSettings;
  readonly hypervisor: Hypervisor;
  readonly reports: RoleReport[] = [];
  readonly frames: string[] = [];
  readonly waits: string[] = [];
  readonly vcpus: ToyVcpu[] = [];
  /** How often it was said that one will be needed soon. */
  preparedVcpus = 0;
  storage: 'reachable' | 'unreachable' | 'takes claims and answers unreachable' = 'reachable';
  end: ReplicaEnd | Error | null = null;
  /** Killed by the next frame that leaves: the worst moment. */
  diesOfFrames = false;
  /** Called when a frame leaves, in the middle of whatever the replica is doing. */
  onFrame: () => void = () => undefined;
  #state: 'running' | 'stopped' | 'dead' = 'running';
  #inbox: (() => void)[] = [];
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  readonly links = new Set<WorldLink>();
  readonly world: SmallWorld;

  constructor(world: SmallWorld, name: string, changes: Partial<RoleSettings>) {
    this.world = world;
    this.name = name;
    this.settings = settingsOf(name, changes);
    this.hypervisor = new Hypervisor(() => this.#parts(), this.settings, {
      replica: () => undefined,
      waiting: (forWhat) => this.waits.push(forWhat),
      rejoining: () => undefined,
    });
  }

  runPrimary(options = { holderIsDead: false }): void {
    this.#watch(this.hypervisor.runPrimary(options));
  }
  runAuto({ isCold = false } = {}): void {
    const endOf = (generation: number): Promise<GuestEnd | null> =>
      this.#later(this.world.ends.get(generation) ?? null);
    const end = this.hypervisor.runAuto({ holderIsDead: false, endOf, isCold }).then((how) => {
      // As ftvm run does when the guest it ran is off.
      const { replica } = this;
      if (replica?.isLive && (how.kind === 'poweredOff' || how.kind === 'crashed')) {
        this.world.ends.set(replica.generation, how);
      }
      return how;
    });
    this.#watch(end);
  }
  runBackup(endpoint: string | null = null): void {
    this.#watch(this.hypervisor.runBackup({ endpoint }));
  }
  #watch(end: Promise<ReplicaEnd>): void {
    end.then(
      (how) => (this.end = how),
      (error: unknown) => (this.end = error as Error),
    );
  }

  stop(): void {
    this.#state = 'stopped';
  }
  wake(): void {
    this.#state = 'running';
  }
  /** The kernel closes what a dead process had open; a cut network tells nobody. */
  kill(): void {
    this.#state = 'dead';
    for (const link of [...this.links]) link.close();
  }
  get isDead(): boolean {
    return this.#state === 'dead';
  }

  /** Something has come for this process; a stopped one finds it when it wakes. */
  deliver(event: () => void): void {
    if (this.#state !== 'dead') this.#inbox.push(event);
  }
  turn(): void {
    if (this.#state !== 'running') return;
    const { nowMs } = this.world;
    // What waits in sockets is found before timers that are late, which is the harder order.
    for (const event of this.#inbox.splice(0)) event();
    const due = this.#timers.filter(({ atMs }) => atMs <= nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > nowMs);
    for (const { callback } of due) callback();
    this.vcpu?.step();
    for (const event of this.#inbox.splice(0)) event();
  }

  get replica(): Replica | null {
    return this.hypervisor.replica;
  }
  get vcpu(): ToyVcpu | undefined {
    return this.vcpus.at(-1);
  }
  type(text: string): void {
    this.replica?.inject({ kind: 'consoleInput', bytes: bytesOf(text) });
  }
  /** All that the console of this replica would show to somebody who reads from the start. */
  get console(): string {
    let text = '';
    this.replica?.console.read(0, (bytes) => (text += textOf(bytes)))();
    return text;
  }
  /** Live, and not waiting for permission. */
  get isReleasing(): boolean {
    const status = this.replica?.status();
    return status?.kind === 'primary' && status.status.releasing && this.end === null;
  }
  get inSync(): string[] {
    const status = this.replica?.status();
    if (status?.kind !== 'primary') return [];
    return status.status.backups
      .filter(({ inSync }) => inSync)
      .map(({ identity }) => identity.replica);
  }
  has(kind: RoleReport['kind']): boolean {
    return this.reports.some((report) => report.kind === kind);
  }

  #parts(): ReplicaParts {
    const { world } = this;
    return {
      clock: this.#clock(),
      diagnostics: new SilentDiagnostics(),
      connector: { connect: (endpoint, handlers) => this.#connect(endpoint, handlers) },
      datagrams: {
        address: this.settings.heartbeatTo,
        send: (to, message) => {
          const target = world.hosts.get(to.replace(/:.*/, ''));
          if (!target || world.isCut(this.name, target.name)) return;
          target.deliver(() => target.replica?.datagram(message));
        },
        close: () => undefined,
      },
      generations: this.#generations(),
      probe: {
        probe: (identity) => this.#later(this.#probe(identity.replica)),
        mayGoLive: (identity) => this.#later(this.#mayGoLive(identity.replica)),
      },
      roster: {
        write: (generation, inSync) => {
          if (!this.isDead) world.roster = { generation, inSync };
          return this.#later(undefined);
        },
        read: (generation) =>
          this.#later(world.roster.generation === generation ? world.roster.inSync : []),
      },
      prepareVcpu: () => (this.preparedVcpus += 1),
      createVcpu: (snapshot, { event }) => {
        const vcpu = new ToyVcpu(snapshot, event);
        this.vcpus.push(vcpu);
        return this.#later(vcpu);
      },
      drives: new Map([['hda', plainDrive(world.disk.for(this))]]),
      onReport: (report) => this.reports.push(report),
      onFrame: (frame) => {
        this.frames.push(textOf(frame));
        if (this.diesOfFrames) this.kill();
        this.onFrame();
      },
    };
  }

  #clock(): Clock {
    return {
      nowMs: () => this.world.nowMs,
      wallClockMs: () => this.world.nowMs,
      after: (delayMs, callback) => {
        const timer = { atMs: this.world.nowMs + delayMs, callback };
        this.#timers.push(timer);
        return () => (this.#timers = this.#timers.filter((each) => each !== timer));
      },
    };
  }

  #later<T>(value: T): Promise<T> {
    return new Promise((resolve) => this.deliver(() => resolve(value)));
  }

  #probe(name: string): ProbeOutcome {
    const target = this.world.hosts.get(name);
    if (!target || this.world.isCut(this.name, name)) return 'silent';
    return target.isDead ? 'gone' : target.#state === 'stopped' ? 'silent' : 'live';
  }

  #mayGoLive(name: string): 'yes' | 'no' | 'silent' {
    const found = this.#probe(name);
    if (found !== 'live') return found === 'gone' ? 'no' : 'silent';
    const status = this.world.hosts.get(name)?.replica?.status();
    return status && (status.kind === 'primary' || status.status.inSync) ? 'yes' : 'no';
  }

  #generations(): GenerationStore {
    const { generations } = this.world;
    const unreachable = { kind: 'unreachable', why: 'no storage' } as const;
    return {
      claim: (record) => {
        this.world.beforeClaim();
        if (this.storage === 'unreachable') return this.#later(unreachable);
        const holder = generations.get(record.generation);
        if (!holder) generations.set(record.generation, record);
        if (this.storage !== 'reachable') return this.#later(unreachable);
        const isOurs = !holder || holder.holder.replica === this.name;
        return this.#later<ClaimOutcome>(isOurs ? { kind: 'won' } : { kind: 'lost', holder });
      },
      latest: () => {
        if (this.storage !== 'reachable') return this.#later(unreachable);
        const record = this.world.latest;
        return this.#later(record ? { kind: 'found' as const, record } : { kind: 'none' as const });
      },
      read: (generation) => this.#later(generations.get(generation) ?? null),
    };
  }

  #connect(endpoint: string, handlers: LinkHandlers): Link {
    const name = /^ws:\/\/([^:]+)/.exec(endpoint)?.[1] ?? '';
    const target = this.world.hosts.get(name);
    const ours = new WorldLink(this, handlers);
    if (!target || target.isDead || this.world.isCut(this.name, name) || !target.replica) {
      this.deliver(() => handlers.ended({ kind: 'refused' }));
      return ours;
    }
    const theirs = new WorldLink(target, null);
    ours.peer = theirs;
    theirs.peer = ours;
    target.deliver(() => {
      theirs.handlers = target.replica?.accept(theirs) ?? null;
      this.deliver(() => handlers.opened());
    });
    return ours;
  }
}

/** One end of a link between two hosts. */
export class WorldLink implements Link {
  readonly host: Host;
  handlers: Omit<LinkHandlers, 'opened'> | null;
  peer: WorldLink | null = null;
  #isOver = false;
  #isReading = true;
  #unread: (() => void)[] = [];

  constructor(host: Host, handlers: Omit<LinkHandlers, 'opened'> | null) {
    this.host = host;
    this.handlers = handlers;
    host.links.add(this);
  }

  send(message: Uint8Array): void {
    if (!this.#isOver) this.#toPeer((peer) => peer.#take(() => peer.handlers?.received(message)));
  }
  close(): void {
    if (this.#isOver) return;
    this.#toPeer((peer) => peer.#take(() => peer.#ended()));
    this.host.deliver(() => this.#ended());
  }
  bufferedBytes(): number {
    return 0;
  }
  pauseReading(): void {
    this.#isReading = false;
  }
  resumeReading(): void {
    this.#isReading = true;
    for (const each of this.#unread.splice(0)) this.host.deliver(each);
  }

  #toPeer(what: (peer: WorldLink) => void): void {
    const { peer } = this;
    if (peer && !this.host.world.isCut(this.host.name, peer.host.name)) what(peer);
  }
  #take(event: () => void): void {
    this.host.deliver(() => {
      if (this.#isOver) return;
      if (this.#isReading) event();
      else this.#unread.push(event);
    });
  }
  #ended(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.host.links.delete(this);
    this.handlers?.ended({ kind: 'closed' });
  }
}

/** The one disk of the VM; a test can make it slow. */
export class SharedDisk {
  /** What was written, in the order it landed: `host:sector=text`. */
  readonly writes: string[] = [];
  /** Who has read. */
  readonly readers = new Set<string>();
  isSlow = false;
  readonly #sectors = new Map<number, string>();
  #waiting: (() => void)[] = [];

  /** Lets a slow disk do what it was given. */
  finish(): void {
    for (const land of this.#waiting.splice(0)) land();
  }

  for(host: Host): SectorStore {
    return {
      byteLength: 1024 * 1024,
      read: (offsetBytes, lengthBytes) =>
        this.#perform(host, () => {
          this.readers.add(host.name);
          const data = new Uint8Array(lengthBytes);
          data.set(bytesOf(this.#sectors.get(offsetBytes / 512) ?? ''));
          return data;
        }),
      write: (offsetBytes, data) =>
        this.#perform(host, () => {
          this.#sectors.set(offsetBytes / 512, textOf(data));
          this.writes.push(`${host.name}:${offsetBytes / 512}=${textOf(data)}`);
        }),
      close: () => Promise.resolve(),
    };
  }

  #perform<T>(host: Host, land: () => T): Promise<T> {
    return new Promise((resolve) => {
      const perform = (): void => {
        const result = land();
        host.deliver(() => resolve(result));
      };
      if (this.isSlow) this.#waiting.push(perform);
      else host.deliver(perform);
    });
  }
}

/** A primary `a` and a backup `b` in sync. */
export async function protectedPair(
  changes: Partial<RoleSettings> = {},
): Promise<{ world: SmallWorld; a: Host; b: Host }> {
  const world = new SmallWorld();
  const [a, b] = [world.host('a', changes), world.host('b', changes)];
  a.runPrimary();
  await world.pass(50);
  b.runBackup();
  await world.pass(200);
  if (!a.inSync.includes('b')) throw new Error('the backup did not get in sync');
  return { world, a, b };
}
