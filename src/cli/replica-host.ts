import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import { CONSOLE_SUBPROTOCOL } from '../channel/console-codec.js';
import { LOG_SUBPROTOCOL } from '../channel/wire-message.js';
import { fingerprintFields } from '../guest/machine-spec.js';
import type { Diagnostics } from '../host/diagnostics.js';
import { Control } from '../hypervisor/control.js';
import { Hypervisor, type HypervisorEvents } from '../hypervisor/hypervisor.js';
import { NicCable, type NicCableOwner } from '../hypervisor/nic-cable.js';
import type { ReplicaParts } from '../hypervisor/replica-parts.js';
import { Journal } from '../journal/journal.js';
import type { Vm } from '../node/vm-directory.js';
import { delayedLink } from '../node/delayed-link.js';
import { generationsOf, rosterOf } from '../node/generation-stores.js';
import { isLoopback, type HostPort } from '../node/host-port.js';
import { hostMark } from '../node/host-mark.js';
import { HttpHolderProbe } from '../node/http-holder-probe.js';
import { HttpListener } from '../node/http-listener.js';
import { JournalDirectory } from '../node/journal-directory.js';
import { AddressExposedError } from '../node/listen-error.js';
import { NodeClock } from '../node/node-clock.js';
import { nodeDigest } from '../node/node-digest.js';
import { NodeEntropy } from '../node/node-entropy.js';
import { ProcessWill } from '../node/process-will.js';
import type { SharedSecret } from '../node/shared-secret.js';
import { UdpDatagrams } from '../node/udp-datagrams.js';
import { WsConnector } from '../node/ws-connector.js';
import { WsFramePort } from '../node/ws-frame-port.js';
import { WsListener } from '../node/ws-listener.js';
import type { JournalSettings, RoleSettings } from '../role/role-settings.js';
import { SpareVcpu } from '../vcpu/spare-vcpu.js';
import { V86Vcpu } from '../vcpu/v86-vcpu.js';
import type { BootSnapshot } from './boot-snapshot.js';
import { buildInfo, plainBuild } from './build-info.js';
import { JournalDisksError } from './journal-option.js';
import { keepDivergence } from './divergence-keeper.js';
import { ReplicaDrives, type ReplicaDrivesOptions } from './replica-drives.js';

export interface ReplicaHostOptions {
  readonly vm: Vm;
  readonly diagnostics: Diagnostics;
  /** Logging channel, status and console. */
  readonly listen: HostPort;
  /** Status and console a second time, at an address of the user's choice. */
  readonly api: HostPort | null;
  /** What peers and readers must know, at addresses that other machines can reach. */
  readonly secret: SharedSecret | null;
  readonly role: Omit<RoleSettings, 'self' | 'heartbeatTo' | 'willWord' | 'ownDisk'>;
  readonly disks: ReplicaDrivesOptions;
  /** The switch to plug the guest's network card into; null leaves its cable out. */
  readonly switchUrl: string | null;
  readonly events: HypervisorEvents;
  readonly onReport: ReplicaParts['onReport'];
  readonly onRecord?: ReplicaParts['onRecord'];
  readonly onVcpuEvent?: ReplicaParts['onVcpuEvent'];
  /** First starts begin with what it has. */
  readonly bootSnapshot?: BootSnapshot;
  /** Where the log is kept, if it is. */
  readonly journal?: {
    readonly dir: string;
    readonly bytesMax: number;
    readonly settings: JournalSettings;
  };
  /** Added to every message this replica sends as a primary; 0 but for experiments. */
  readonly channelDelayMs: number;
}

/** Everything one replica process has open: ports, disks, and the hypervisor over them. */
export class ReplicaHost {
  readonly hypervisor: Hypervisor;
  readonly identity: ReplicaIdentity;
  readonly control: Control;
  readonly disks: ReplicaDrives;
  readonly #closers: (() => Promise<void> | void)[];

  private constructor(
    hypervisor: Hypervisor,
    control: Control,
    identity: ReplicaIdentity,
    disks: ReplicaDrives,
    closers: (() => Promise<void> | void)[],
  ) {
    this.hypervisor = hypervisor;
    this.control = control;
    this.identity = identity;
    this.disks = disks;
    this.#closers = closers;
  }

  static async open(options: ReplicaHostOptions): Promise<ReplicaHost> {
    const { vm, diagnostics, bootSnapshot } = options;
    const closers: (() => Promise<void> | void)[] = [];
    const opened = <T>(thing: T, close: (thing: T) => Promise<void> | void): T => {
      closers.push(() => close(thing));
      return thing;
    };
    try {
      // Whatever this replica will be, it needs a machine, and nothing else takes as long to make.
      const spare = opened(new SpareVcpu(() => new V86Vcpu({ spec: vm.spec })), (each) =>
        each.close(),
      );
      spare.prepare();
      const lastWill = opened(new ProcessWill(diagnostics), (will) => will.close());
      const disks = opened(await ReplicaDrives.open(vm, options.disks, options), (open) =>
        open.close(),
      );
      let current: Hypervisor | null = null;
      const hypervisorOf = (): Hypervisor | null => current;
      const http = opened(await listen(options.listen, options), (listener) => listener.close());
      const identity: ReplicaIdentity = {
        replica: Buffer.from(new NodeEntropy().bytes(4)).toString('hex'),
        pid: process.pid,
        host: hostMark(),
        endpoint: `ws://${http.address}`,
        api: `http://${http.address}`,
      };
      const control = new Control(
        { id: vm.id, name: vm.name },
        identity,
        new NodeClock(),
        hypervisorOf,
      );
      const serve = (listener: HttpListener): void => {
        listener.serve((method, path) => control.handle(method, path));
        const console = {
          subprotocol: CONSOLE_SUBPROTOCOL,
          path: '/console',
          messageBytesMax: 65_536,
        };
        opened(new WsListener(listener, console, (link) => control.acceptConsole(link)), (ws) =>
          ws.close(),
        );
      };
      serve(http);
      if (options.api) {
        serve(opened(await listen(options.api, options), (listener) => listener.close()));
      }
      const log = { subprotocol: LOG_SUBPROTOCOL, messageBytesMax: 16 * 1024 * 1024 };
      opened(
        new WsListener(http, log, (link) => {
          const replica = current?.replica;
          if (replica) {
            const delayMs = options.channelDelayMs;
            return replica.accept(delayMs > 0 ? delayedLink(link, delayMs) : link);
          }
          link.close();
          return { received: () => undefined, ended: () => undefined };
        }),
        (ws) => ws.close(),
      );
      const heartbeatHost = { host: options.listen.host, port: 0 };
      const datagrams = opened(
        await UdpDatagrams.bind(heartbeatHost, (message) => {
          current?.replica?.datagram(message);
        }),
        (socket) => socket.close(),
      );
      if (bootSnapshot) opened(bootSnapshot, (snapshot) => snapshot.close());
      const journal = await openJournalOf(options, identity, opened);
      const settings: RoleSettings = {
        ...options.role,
        self: {
          vm: vm.id,
          identity,
          build: buildInfo(),
          machine: {
            ...fingerprintFields(vm.spec),
            disks: vm.disks,
            arbiter: vm.arbiter ?? 'none',
          },
        },
        ownDisk: disks.ownDisk,
        heartbeatTo: datagrams.address,
        willWord: Buffer.from(new NodeEntropy().bytes(16)).toString('hex'),
        ...(options.journal && { journal: options.journal.settings }),
      };
      const cable = plugIn(options, hypervisorOf);
      if (cable) opened(cable, (plugged) => plugged.close());
      control.cable = cable;
      const connector = new WsConnector({ subprotocol: LOG_SUBPROTOCOL, secret: options.secret });
      const makeParts = (): ReplicaParts => ({
        clock: new NodeClock(),
        console: vm.spec.console,
        diagnostics,
        connector,
        datagrams,
        lastWill,
        generations: generationsOf(vm, options.secret),
        probe: new HttpHolderProbe({ secret: options.secret }),
        roster: rosterOf(vm, options.secret),
        createVcpu: spare.create,
        prepareVcpu: () => spare.prepare(),
        ...(bootSnapshot && { warmStart: () => bootSnapshot.warmStart() }),
        drives: disks.drivesOf(identity.replica),
        digest: nodeDigest,
        ...(journal && { journal }),
        onFrame: (frame) => cable?.send(frame),
        onReport: (report) => {
          control.note(report);
          disks.note(report);
          if (report.kind === 'wentLive' || report.kind === 'resumed') cable?.announce();
          options.onReport(report);
        },
        ...(options.onRecord && { onRecord: options.onRecord }),
        onVcpuEvent: (event) => {
          control.noteVcpu(event);
          if (event.kind === 'diverged')
            void keepDivergence(options, control.status(), identity, event);
          cable?.noteVcpu(event);
          options.onVcpuEvent?.(event);
        },
      });
      current = new Hypervisor(makeParts, settings, options.events);
      return new ReplicaHost(current, control, identity, disks, closers);
    } catch (error) {
      await closeAll(closers);
      throw error;
    }
  }

  async close(): Promise<void> {
    await closeAll(this.#closers);
  }
}

function plugIn(
  { vm, switchUrl, diagnostics }: ReplicaHostOptions,
  hypervisorOf: () => Hypervisor | null,
): NicCable | null {
  if (switchUrl === null || !vm.spec.nic) return null;
  const owner: NicCableOwner = {
    isLive: () => hypervisorOf()?.replica?.isLive ?? false,
    inject: (event) => hypervisorOf()?.replica?.inject(event),
    say: (line) => diagnostics.info(line),
  };
  return new NicCable(
    vm.spec.nic.mac,
    owner,
    (handlers) => new WsFramePort(new NodeClock(), switchUrl, handlers),
  );
}

async function openJournalOf(
  { vm, journal }: ReplicaHostOptions,
  { replica }: ReplicaIdentity,
  opened: <T>(thing: T, close: (thing: T) => Promise<void> | void) => T,
): Promise<Journal | null> {
  if (!journal) return null;
  if (vm.disks === 'replicated') throw new JournalDisksError();
  const { dir, bytesMax } = journal;
  const files = opened(await JournalDirectory.open(dir), (directory) => directory.close());
  const self = { vm: vm.id, replica, spec: vm.spec, build: plainBuild() };
  const parts = { files, clock: new NodeClock(), self, bytesMax };
  const own = opened(new Journal(parts), (each) => each.close());
  await own.refuseOtherVm();
  return own;
}

/** Where other machines can reach us, they prove that they know the secret. */
async function listen(
  address: HostPort,
  { diagnostics, secret }: ReplicaHostOptions,
): Promise<HttpListener> {
  if (isLoopback(address.host)) return HttpListener.listen(diagnostics, address);
  if (secret === null) throw new AddressExposedError(address);
  return HttpListener.listen(diagnostics, { ...address, secret });
}

/** Last opened, first closed. */
async function closeAll(closers: (() => Promise<void> | void)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}
