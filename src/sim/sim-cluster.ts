import type { OperatorEvent } from '../guest/guest-event.js';
import type { ReplicaEnd } from '../hypervisor/replica-parts.js';
import { acksNeeded } from '../role/quorum.js';
import { ConsoleJudge } from './console-judge.js';
import { CounterJudge } from './counter-judge.js';
import type { FaultPlan, Target } from './fault-plan.js';
import { GuestHistory } from './guest-history.js';
import { Prng } from './prng.js';
import { Referee } from './referee.js';
import { SimClients } from './sim-clients.js';
import { SimGenerationStore } from './sim-generation-store.js';
import { SimHost } from './sim-host.js';
import { SimNetwork } from './sim-network.js';
import type { SimProcess } from './sim-process.js';
import { SimDisk } from './sim-disk.js';
import { Timeline } from './timeline.js';
import { Trace } from './trace.js';
import { Verdict } from './verdict.js';

/** What hosts, operator, clients and faults share. */
export interface World {
  readonly plan: FaultPlan;
  readonly timeline: Timeline;
  readonly prng: Prng;
  readonly trace: Trace;
  readonly network: SimNetwork;
  readonly store: SimGenerationStore;
  readonly disk: SimDisk;
  /** What a host's replicas read and write: the shared disk, or its own. */
  readonly diskOf: (host: string) => SimDisk;
  readonly referee: Referee;
  readonly processes: Map<string, SimProcess>;
  readonly bug: (who: string, error: unknown) => void;
  readonly onStarted: (process: SimProcess) => void;
  readonly onEnded: (process: SimProcess, end: ReplicaEnd) => void;
}

/**
 * A whole cluster in one thread: hosts that run the production code, the storage they share, the
 * clients of the guest, and the judges that watch.
 */
export class SimCluster implements World {
  readonly plan: FaultPlan;
  readonly timeline = new Timeline();
  readonly prng: Prng;
  readonly trace: Trace;
  readonly verdict: Verdict;
  readonly network: SimNetwork;
  readonly store: SimGenerationStore;
  readonly disk: SimDisk;
  readonly copies = new Map<string, SimDisk>();
  readonly history: GuestHistory;
  readonly counter: CounterJudge;
  readonly referee: Referee;
  readonly clients: SimClients;
  readonly processes = new Map<string, SimProcess>();
  readonly hosts: readonly SimHost[];
  /** Guests that ended by themselves or by the power button. */
  guestEnds = 0;
  /** How often the operator wants the guest to be paused now. */
  pausesWanted = 0;
  /** A process has started, and has not done anything yet. */
  onStarted: (process: SimProcess) => void = () => undefined;
  /** A generation has begun. */
  onGeneration: (holder: string) => void = () => undefined;

  constructor(plan: FaultPlan) {
    this.plan = plan;
    const { timeline } = this;
    this.prng = new Prng(plan.seed, 'world');
    this.trace = new Trace(timeline);
    this.verdict = new Verdict(timeline, this.trace);
    this.network = new SimNetwork(timeline, this.prng.fork('network'), plan.network);
    this.network.linkBytesMax =
      plan.logBufferBytesMax + plan.guest.ballastPages * 4096 + besideTheLogBytes;
    this.network.onOverfull = (from, bytes) =>
      this.verdict.violated('bounded', from, `${bytes} bytes are under way in one link`);
    this.store = new SimGenerationStore(timeline, this.prng.fork('store'));
    this.disk = new SimDisk(timeline, this.prng.fork('disk'), {
      sectors: plan.guest.diskSectors,
      weather: plan.disk,
    });
    if (plan.disks === 'replicated') {
      for (const name of this.hostNames) {
        this.copies.set(
          name,
          new SimDisk(timeline, this.prng.fork(`disk ${name}`), {
            sectors: plan.guest.diskSectors,
            weather: plan.disk,
            isLocal: true,
          }),
        );
      }
    }
    this.disk.isHolder = (process) => this.store.latest?.holder.replica === process.name;
    this.history = new GuestHistory(this.verdict);
    this.counter = new CounterJudge(this.verdict);
    const console = new ConsoleJudge(this.verdict, (who, line) => this.clients.heard(who, line));
    this.referee = new Referee({ verdict: this.verdict, history: this.history, console }, this);
    this.hosts = this.hostNames.map((name, i) => {
      const skew = plan.skews[i] ?? { offsetMs: 0, rate: 1 };
      return new SimHost(name, this, skew);
    });
    this.clients = new SimClients(this, this.counter, this.prng.fork('clients'));
    const claimed = this.store.onClaimed;
    this.store.onClaimed = (record) => {
      const { generation, holder, reason, inSync } = record;
      const members = inSync.length > 0 ? ` with ${inSync.join(' ')}` : '';
      this.trace.note(holder.replica, `holds generation ${generation} (${reason})${members}`);
      claimed(record);
      this.onGeneration(holder.replica);
    };
  }

  diskOf = (host: string): SimDisk => this.copies.get(host) ?? this.disk;

  get disks(): SimDisk[] {
    return [this.disk, ...this.copies.values()];
  }
  get hostNames(): string[] {
    return [...'abcdefgh'.slice(0, this.plan.hosts)];
  }

  bug(who: string, error: unknown): void {
    this.verdict.violated(
      'noBug',
      who,
      error instanceof Error ? String(error.stack) : String(error),
    );
  }

  onEnded(_process: SimProcess, end: ReplicaEnd): void {
    if (end.kind === 'poweredOff' || end.kind === 'crashed') this.guestEnds += 1;
  }

  /** The host a target means now. */
  host(target: Target): SimHost | null {
    if (typeof target === 'number') return this.hosts[target % this.hosts.length] ?? null;
    const holder = this.store.latest?.holder.host;
    const live = this.hosts.find(({ name }) => name === holder) ?? null;
    if (target === 'live') return live;
    const others = this.hosts.filter((host) => host !== live);
    return others[this.store.latest ? this.store.latest.generation % others.length : 0] ?? null;
  }

  /** The operator uses a switch of the machine, on whoever is live. */
  press(kind: OperatorEvent['kind']): void {
    const live = this.host('live');
    live?.process?.enter(() => live.witness?.replica?.inject({ kind }));
  }

  /** Looks whether anybody has gone live. */
  watch(): void {
    for (const { witness } of this.hosts) if (witness) this.referee.noticeLive(witness);
  }

  /** One live replica, every other host an in-sync backup of it, and none far behind. */
  get isRedundant(): boolean {
    const alive = this.hosts.flatMap(({ witness }) => (witness?.isAlive ? [witness] : []));
    const live = alive.filter((witness) => witness.isLive);
    const status = live[0]?.replica?.status();
    if (live.length !== 1 || status?.kind !== 'primary' || !status.status.releasing) return false;
    const inSync = status.status.backups.filter((backup) => backup.inSync);
    const close = inSync.filter(({ lagMs }) => lagMs < lagMsMax);
    // The guest is slowed down for those alone that output waits for.
    const needed = this.plan.commit === 'quorum' ? acksNeeded(inSync.length) : inSync.length;
    return inSync.length === this.hosts.length - 1 && close.length >= needed;
  }
}

const lagMsMax = 100;
/** A toy's state, one record more than fits, the words beside the log. */
const besideTheLogBytes = 64 * 1024;
