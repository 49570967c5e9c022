import { plainDrive, type Drive } from '../disk/drive.js';
import { OverlayDrive, type OverlaySettings } from '../disk/overlay-drive.js';
import { FtvmError } from '../errors.js';
import { fingerprintFields, type MachineSpec } from '../guest/machine-spec.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { StartRules } from '../hypervisor/start-claim.js';
import { Hypervisor } from '../hypervisor/hypervisor.js';
import type { ReplicaEnd, ReplicaParts } from '../hypervisor/replica-parts.js';
import { LOG_VERSION } from '../log/log-codec.js';
import {
  defaultLagMsTarget,
  type OwnDiskSettings,
  type RoleSettings,
} from '../role/role-settings.js';
import { sectorBytes } from './sim-file.js';
import { JournalCorruptError, JournalRefusedError } from '../journal/journal-error.js';
import { Journal } from '../journal/journal.js';
import type { Generation } from '../units.js';
import { SimJournalDisk } from './sim-journal-files.js';
import { SimClock, type ClockSkew } from './sim-clock.js';
import { SimLastWill } from './sim-last-will.js';
import { SimHolderProbe } from './sim-holder-probe.js';
import { SimProcess } from './sim-process.js';
import { SimVcpu } from './sim-vcpu.js';
import type { World } from './sim-cluster.js';
import { Witness } from './witness.js';

export type StartMode =
  | { readonly kind: 'backup' }
  | { readonly kind: 'auto' }
  | { readonly kind: 'primary'; readonly holderIsDead: boolean; readonly isCold?: boolean };

/**
 * A host: runs one replica process at a time, through the same `Hypervisor` as `ftvm run` does.
 * A process that ends, or is killed, leaves the host free for the next one.
 */
export class SimHost {
  readonly name: string;
  readonly #world: World;
  readonly #skew: ClockSkew;
  #starts = 0;
  #clock: SimClock | null = null;
  #hypervisor: Hypervisor | null = null;
  /** The one running now, or the last one. */
  process: SimProcess | null = null;
  witness: Witness | null = null;
  vcpu: SimVcpu | null = null;
  /** How many times slower its vCPU runs. */
  slowness = 1;
  freeSinceMs = 0;
  startedAs: StartMode['kind'] = 'backup';
  /** It was started on the operator's word that the holder of the VM is dead. */
  isVouchedFor = false;
  /** Its journal was refused when that generation was the latest. */
  refusedAt: Generation = 0;
  readonly journalDisk: SimJournalDisk;

  constructor(name: string, world: World, skew: ClockSkew) {
    this.name = name;
    this.#world = world;
    this.#skew = skew;
    this.journalDisk = new SimJournalDisk(world.timeline, world.prng.fork(`journal ${name}`));
  }

  get isFree(): boolean {
    return this.process === null || this.process.isDead;
  }

  start(mode: StartMode): void {
    const { timeline, prng, network, trace } = this.#world;
    this.#starts += 1;
    const name = `${this.name}${this.#starts}`;
    const process = new SimProcess(name, this.name, timeline, prng.fork(`process ${name}`));
    process.onUncaught = (error) => this.#world.bug(name, error);
    process.whenDead(() => {
      this.freeSinceMs = timeline.nowMs;
      if (this.witness) this.witness.isOver = true;
    });
    this.process = process;
    this.witness = null;
    this.startedAs = mode.kind;
    if (mode.kind === 'primary' && mode.isCold) this.#world.referee.boots.mayBoot.add(name);
    this.isVouchedFor = mode.kind === 'primary' && mode.holderIsDead;
    this.#world.processes.set(name, process);
    this.#world.onStarted(process);
    trace.note(name, `starts as ${mode.kind}`);

    const clock = new SimClock(timeline, process, this.#skew);
    this.#clock = clock;
    const settings = this.#settings(name);
    const { endpoint } = settings.self.identity;
    const journal = this.#journal(process, clock, settings);
    const { lastWills } = this.#world.plan;
    const wills = prng.fork(`last will ${name}`);
    const lastWill = new SimLastWill(network, process, lastWills, wills);
    const makeParts = (): ReplicaParts => ({
      ...this.#parts(process, clock, settings),
      lastWill,
      ...(journal && { journal }),
    });
    const hypervisor = new Hypervisor(makeParts, settings, {
      replica: (replica) => {
        // Code of a dead process may run to its next await; its host has forgotten it.
        if (this.witness?.process === process) this.witness.replica = replica;
      },
      waiting: (forWhat) => trace.note(name, `waits for ${forWhat}`),
      rejoining: (why) => trace.note(name, `joins again: ${why}`),
    });
    this.#hypervisor = hypervisor;
    network.listen(process, endpoint, (link) => {
      const replica = hypervisor.replica;
      if (replica) return replica.accept(link);
      link.close();
      return { received: () => undefined, ended: () => undefined };
    });
    timeline.isUnsettled = true;
    process.mayGoLive = () => {
      const status = hypervisor.replica?.status();
      return status?.kind === 'primary' || (status?.kind === 'backup' && status.status.inSync);
    };
    process.seat = () => {
      const status = hypervisor.replica?.status();
      return status?.kind === 'backup' ? status.status.seat : null;
    };
    const ended = this.#run(hypervisor, mode);
    void ended
      .then(
        (end) => this.#ended(process, end),
        (error: unknown) => this.#refused(process, error),
      )
      // As the program does: what its journal has not written yet may be that the guest is off.
      .then(() => journal?.close())
      .then(() => process.end('exited'));
  }

  #run(hypervisor: Hypervisor, mode: StartMode): Promise<ReplicaEnd> {
    const mayFollow: StartRules['mayFollow'] = (latest) => {
      const isOther = this.#world.plan.disks === 'replicated' && latest.disk !== this.name;
      if (isOther) throw new WrongDiskError();
    };
    switch (mode.kind) {
      case 'primary':
        return hypervisor.runPrimary({
          holderIsDead: mode.holderIsDead,
          isCold: mode.isCold ?? false,
          mayFollow,
        });
      case 'backup':
        return hypervisor.runBackup({ endpoint: null });
      case 'auto': {
        const endOf: StartRules['endOf'] = (generation) =>
          Promise.resolve(this.#world.store.ends.get(generation) ?? null);
        return hypervisor.runAuto({ holderIsDead: false, endOf, mayFollow });
      }
    }
  }

  /** As Ctrl-C does. */
  leave(): void {
    const { process } = this;
    process?.enter(() => {
      this.#world.timeline.isUnsettled = true;
      this.#hypervisor?.leave();
    });
  }

  /** As `ftvm failover` does. */
  handOver(): void {
    this.process?.enter(() => {
      if (this.#hypervisor?.handOver()) this.startedAs = 'backup';
    });
  }

  jumpClock(byMs: number): void {
    this.#clock?.jump(byMs);
  }

  #ended(process: SimProcess, end: ReplicaEnd): void {
    if (process.isDead) return;
    const detail = end.kind === 'failed' ? `: ${end.error.stack ?? end.error.message}` : '';
    this.#world.trace.note(process.name, `ends: ${end.kind}${detail}`);
    if (end.kind === 'failed') this.#world.bug(process.name, end.error);
    const { replica } = this.#hypervisor ?? {};
    if ((end.kind === 'poweredOff' || end.kind === 'crashed') && replica?.isLive) {
      this.#world.store.ends.set(replica.generation, end);
    }
    this.#world.onEnded(process, end);
  }

  /** Another replica is live, or the primary would not have it: typed, and no bug. */
  #refused(process: SimProcess, error: unknown): void {
    if (process.isDead) return;
    this.#world.trace.note(process.name, `gives up: ${String(error)}`);
    if (error instanceof JournalRefusedError || error instanceof JournalCorruptError) {
      this.refusedAt = this.#world.store.latest?.generation ?? 0;
    }
    if (!(error instanceof Error && 'code' in error)) this.#world.bug(process.name, error);
  }

  #settings(name: string): RoleSettings {
    const { plan } = this.#world;
    const port = 7000 + this.#starts;
    return {
      self: {
        vm: 'toy',
        identity: {
          replica: name,
          pid: this.#starts,
          host: this.name,
          endpoint: `ws://${this.name}:${port}`,
          api: `http://${this.name}:${port}`,
        },
        build: {
          ftvm: 'sim',
          logVersion: LOG_VERSION,
          v86: 'toy',
          v86Wasm: 'toy',
          node: 'sim',
          architecture: 'toy',
        },
        machine: fingerprintFields(toyMachine),
      },
      heartbeatTo: `${this.name}:${port}`,
      willWord: `${name}'s`,
      failureTimeoutMs: plan.failureTimeoutMs,
      outputCommit: true,
      logBufferBytesMax: plan.logBufferBytesMax,
      lagMsTarget: defaultLagMsTarget,
      ownDisk: this.#ownDisk(),
      slowBackup: plan.slowBackup,
      redundancy: { backups: plan.hosts - 1, commit: plan.commit },
      ...(plan.journal !== 'none' && {
        journal: { sync: plan.journal === 'sync', snapshotBytes: 50_000, snapshotMs: 150 },
      }),
    };
  }

  #journal(process: SimProcess, clock: SimClock, settings: RoleSettings): Journal | null {
    if (!settings.journal) return null;
    const build = { v86: 'toy', v86Wasm: 'toy', architecture: 'toy' };
    const self = { vm: 'toy', replica: process.name, spec: toyMachine, build };
    const files = this.journalDisk.accessOf(process);
    return new Journal({ files, clock, self, bytesMax: 200_000 });
  }

  #ownDisk(): OwnDiskSettings | null {
    const { disks, guest } = this.#world.plan;
    if (disks === 'shared') return null;
    const chunkBytes = 2 * sectorBytes;
    if (disks === 'backupReads') return { use: 'reads', id: null, copies: [], chunkBytes };
    const copies = [{ name: 'hda', bytes: guest.diskSectors * sectorBytes }] as const;
    return { use: 'everything', id: this.name, copies, chunkBytes };
  }

  #parts(process: SimProcess, clock: SimClock, settings: RoleSettings): ReplicaParts {
    const { timeline, network, trace, referee, plan } = this.#world;
    const witness = new Witness(process.name, process);
    if (!process.isDead) {
      if (this.witness) this.witness.isOver = true;
      this.witness = witness;
      referee.witnesses.push(witness);
    }
    return {
      clock,
      diagnostics: silent,
      connector: network.connectorOf(process),
      datagrams: network.bind(process, settings.heartbeatTo, (message) =>
        this.#hypervisor?.replica?.datagram(message),
      ),
      generations: this.#world.store.accessOf(process),
      probe: new SimHolderProbe(timeline, network, process, (name) =>
        this.#world.processes.get(name),
      ),
      roster: this.#world.store.rosterOf(process),
      createVcpu: (snapshot, handlers) => {
        const pace = { ...plan.pace, slowness: () => this.slowness };
        const tellsCuts = handlers.tellsCuts ?? false;
        const machine = { mood: plan.guest, pace, snapshot, tellsCuts };
        const world = { timeline, process, clock };
        const vcpu = new SimVcpu(world, machine, handlers.event);
        this.vcpu = vcpu;
        // A real one takes a while to be built.
        return process.promise((answer) => timeline.after(pace.buildMs, () => answer(vcpu)));
      },
      drives: new Map([['hda', this.#watchedDisk(process, clock, witness)]]),
      // The bytes stand for their digest.
      digest: (data) => Promise.resolve(data),
      onReport: (report) => {
        trace.note(process.name, JSON.stringify(report));
        referee.report(witness, report);
      },
      onRecord: (record) => referee.record(witness, record),
      onVcpuEvent: (event) => {
        if (event.kind === 'ran') trace.mix(event.after.memoryHash);
        referee.vcpuEvent(witness, event);
      },
      onFrame: (frame) => process.act(() => referee.frameLeft(witness, frame)),
    };
  }

  #watchedDisk(process: SimProcess, clock: SimClock, witness: Witness): Drive {
    const { prng, plan, trace, referee } = this.#world;
    const { files, image } = this.#world.diskOf(this.name).accessOf(process);
    const chance = prng.fork(`layers ${process.name} ${referee.witnesses.length}`);
    const isShared = plan.disks !== 'replicated';
    const drive =
      isShared && plan.isFenced
        ? new OverlayDrive(
            {
              clock,
              files,
              image,
              writer: process.name,
              nonce: () => chance.whole(0, 2 ** 32 - 1),
              onTrouble: (what, error) => trace.note(process.name, `${what}: ${String(error)}`),
            },
            layerSettings,
          )
        : plainDrive(image);
    return {
      byteLength: drive.byteLength,
      read: (offsetBytes, lengthBytes) => drive.read(offsetBytes, lengthBytes),
      write: (offsetBytes, data) => {
        // A copy is as internal as memory.
        if (isShared && !process.isDead) referee.writeLeft(witness, data);
        return drive.write(offsetBytes, data);
      },
      follow: () => drive.follow(),
      begin: (generation) => drive.begin(generation),
      fold: (progress) => drive.fold(progress),
      status: () => drive.status(),
      close: () => drive.close(),
    };
  }
}

/** What it was started from is not what was live last. */
class WrongDiskError extends FtvmError {
  readonly code = 'FTVM_DISK_NOT_CURRENT';
  readonly remedy = 'Start the host whose disk it is.';

  constructor() {
    super('another disk was live last');
  }
}

/** Small enough that every world rolls, merges and folds. */
const layerSettings: OverlaySettings = {
  layerBytesMax: 8 * 1024,
  mergeFrom: 3,
  mergeAtOnceFrom: 6,
  quietMs: 5,
};

const toyMachine: MachineSpec = {
  memoryMiB: 1,
  vgaMemoryMiB: 1,
  nic: null,
  boot: { bios: null, vgaBios: null, kernel: null, initrd: null, commandLine: '' },
  drives: [],
  acpi: false,
  jit: false,
  chanceSeed: 0,
  wallClockAtStartMs: 0,
};

const silent: Diagnostics = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
