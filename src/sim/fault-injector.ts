import { unreachable } from '../unreachable.js';
import type { Fault } from './fault-plan.js';
import type { SimCluster } from './sim-cluster.js';
import type { SimHost } from './sim-host.js';

/** Makes the faults of a plan happen, and takes back those that last when it is time to heal. */
export class FaultInjector {
  readonly #cluster: SimCluster;
  readonly #undo = new Set<() => void>();
  injected = 0;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
  }

  begin(): void {
    const { plan, timeline } = this.#cluster;
    for (const fault of plan.faults) timeline.at(fault.atMs, () => this.#inject(fault));
  }

  /** The last fault is over: what can be mended is. The dead stay dead. */
  heal(): void {
    const { network, disks, hosts } = this.#cluster;
    for (const undo of this.#undo) undo();
    this.#undo.clear();
    network.isCalm = true;
    for (const disk of disks) disk.isCalm = true;
    for (const { process } of hosts) if (process) process.cutPoint = null;
  }

  #inject(fault: Fault): void {
    const { network, store, disks, trace, hosts } = this.#cluster;
    const host =
      'target' in fault && fault.target !== 'all' ? this.#cluster.host(fault.target) : null;
    trace.note(host?.name ?? 'world', `FAULT ${JSON.stringify(fault)}`);
    this.injected += 1;
    switch (fault.kind) {
      case 'kill':
        this.#strike(host, fault.afterActs, ({ process }) => process?.end('killed'));
        return;
      case 'powerLoss':
        if (!host || network.isDark(host.name)) return;
        network.darken(host.name);
        host.process?.end('killed');
        host.journalDisk.losePower();
        this.#lasts(fault.forMs, () => network.light(host.name));
        return;
      case 'killAll':
        for (const each of hosts) {
          each.process?.end('killed');
          if (fault.isPowerLoss) each.journalDisk.losePower();
        }
        return;
      case 'pause':
        this.#strike(host, fault.afterActs, ({ process }) => {
          process?.pause();
          this.#lasts(fault.forMs, () => process?.resume());
        });
        return;
      case 'partition':
        for (const other of hosts) {
          if (!host || other === host) continue;
          if (fault.direction !== 'out') this.#cut(other, host, fault);
          if (fault.direction !== 'in') this.#cut(host, other, fault);
        }
        return;
      case 'lag':
        for (const other of hosts) {
          if (!host || other === host) continue;
          const wires = [network.wire(host.name, other.name), network.wire(other.name, host.name)];
          for (const wire of wires) wire.extraDelayMs = fault.delayMs;
          this.#lasts(fault.forMs, () => {
            for (const wire of wires) wire.extraDelayMs = 0;
          });
        }
        return;
      case 'resetLinks':
        if (host) network.resetLinks(host.name);
        return;
      case 'storageDown':
        for (const each of fault.target === 'all' ? hosts : host ? [host] : []) {
          this.#lasts(fault.forMs, store.cutOff(each.name));
        }
        return;
      case 'slowDisk':
        if (!host) return;
        for (const disk of disks) {
          disk.slow(host.name, fault.factor);
          this.#lasts(fault.forMs, () => disk.slow(host.name, 1));
        }
        return;
      case 'failingDisk':
        if (!host) return;
        for (const disk of disks) {
          disk.fail(host.name, fault.rate);
          this.#lasts(fault.forMs, () => disk.fail(host.name, 0));
        }
        return;
      case 'clockJump':
        host?.jumpClock(fault.byMs);
        return;
      case 'slowHost':
        if (!host) return;
        host.slowness = fault.factor;
        this.#lasts(fault.forMs, () => (host.slowness = 1));
        return;
      case 'leave':
        host?.leave();
        return;
      case 'handOver':
        host?.handOver();
        return;
      case 'startPrimary':
        hosts
          .find(({ isFree, name }) => isFree && !network.isDark(name))
          ?.start({ kind: 'primary', holderIsDead: false });
        return;
      case 'powerButton':
      case 'resetButton':
        this.#cluster.press(fault.kind === 'powerButton' ? 'powerPressed' : 'resetPressed');
        return;
      case 'pauseGuest':
        this.#cluster.pausesWanted += 1;
        this.#cluster.press('pausePressed');
        this.#lasts(fault.forMs, () => (this.#cluster.pausesWanted -= 1));
        return;
      default:
        unreachable(fault);
    }
  }

  /** Now, or next to the n-th thing the process is about to do. */
  #strike(host: SimHost | null, afterActs: number, strike: (host: SimHost) => void): void {
    const process = host?.process;
    if (!host || !process || process.isDead) return;
    if (afterActs === 0) return strike(host);
    process.cutPoint = {
      act: process.acts + afterActs,
      when: afterActs % 2 === 0 ? 'before' : 'after',
      strike: () => {
        process.cutPoint = null;
        if (host.process === process) strike(host);
      },
    };
  }

  #cut(from: SimHost, to: SimHost, fault: Extract<Fault, { kind: 'partition' }>): void {
    const wire = this.#cluster.network.wire(from.name, to.name);
    if (fault.what !== 'datagrams') wire.isChannelCut = true;
    if (fault.what !== 'channel') wire.areDatagramsCut = true;
    this.#lasts(fault.forMs, () => {
      wire.isChannelCut = false;
      wire.areDatagramsCut = false;
    });
  }

  #lasts(forMs: number, undo: () => void): void {
    this.#undo.add(undo);
    this.#cluster.timeline.after(forMs, () => {
      if (this.#undo.delete(undo)) undo();
    });
  }
}
