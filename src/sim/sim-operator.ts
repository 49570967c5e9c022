import type { Prng } from './prng.js';
import type { SimCluster } from './sim-cluster.js';
import type { SimHost, StartMode } from './sim-host.js';

/**
 * The operator, by the book: starts a replica on each free host, as a backup while anybody is live or
 * may go live, and with `--primary` when nobody can be any more; and resumes a guest that was paused.
 *
 * In a world of `ftvm run --auto` it starts whatever has ended, and knows nothing.
 *
 * The book asks for certainty before `--holder-is-dead`; the operator has it, because worlds can tell.
 */
export class SimOperator {
  readonly #cluster: SimCluster;
  readonly #prng: Prng;
  #deadSinceMs: number | null = null;

  constructor(cluster: SimCluster, prng: Prng) {
    this.#cluster = cluster;
    this.#prng = prng;
  }

  begin(): void {
    this.#cluster.onGeneration = (holder) => this.#withdraw(holder);
    const [first, ...others] = this.#cluster.hosts;
    first?.start(this.#asNeeded ?? { kind: 'primary', holderIsDead: false });
    this.#cluster.timeline.after(20, () => {
      for (const host of others) host.start(this.#asNeeded ?? { kind: 'backup' });
      this.#lookAgain();
    });
  }

  #lookAgain(): void {
    const { timeline, plan } = this.#cluster;
    const delayMs = this.#prng.between(plan.restartMsMin, plan.restartMsMax) / 2;
    timeline.after(delayMs, () => {
      this.#look();
      this.#lookAgain();
    });
  }

  #look(): void {
    const { hosts, network, timeline, plan } = this.#cluster;
    this.#resumeGuest();
    const canStart = (host: SimHost): boolean => host.isFree && !network.isDark(host.name);
    if (!this.#asNeeded && this.#isLost()) {
      this.#deadSinceMs ??= timeline.nowMs;
      if (timeline.nowMs - this.#deadSinceMs < plan.failureTimeoutMs) return;
      this.#deadSinceMs = null;
      // Somebody has been told to; storage may keep it waiting.
      if (hosts.some(({ isFree, startedAs }) => !isFree && startedAs === 'primary')) return;
      const isLit = (each: SimHost): boolean => !network.isDark(each.name);
      const generation = this.#cluster.store.latest?.generation ?? 0;
      // Where there is a journal, any may be the one; without any, the disk is what is left.
      const untried = hosts.filter((each) => each.refusedAt !== generation || generation === 0);
      const isCold = untried.length === 0 || plan.disks === 'replicated';
      const host = this.#placeToStart((isCold ? hosts : untried).filter(isLit));
      if (!host) return;
      // A backup that waits for a primary gives its place to one.
      if (!host.isFree) host.process?.end('exited');
      host.start({ kind: 'primary', holderIsDead: true, isCold });
      return;
    }
    this.#deadSinceMs = null;
    for (const host of hosts) {
      const isPatient = timeline.nowMs - host.freeSinceMs < plan.restartMsMin;
      if (canStart(host) && !isPatient) host.start(this.#asNeeded ?? { kind: 'backup' });
    }
  }

  /** Where the disk is that was live last, if each host has its own. */
  #placeToStart(hosts: readonly SimHost[]): SimHost | undefined {
    const disk = this.#cluster.store.latest?.disk;
    if (disk !== undefined) return hosts.find(({ name }) => name === disk);
    return hosts.find(({ isFree }) => isFree) ?? hosts[0];
  }

  /** A press of the button may be lost with the replica it was pressed on: look, and press again. */
  #resumeGuest(): void {
    if (this.#cluster.pausesWanted > 0) return;
    const live = this.#cluster.host('live')?.witness?.replica?.status();
    if (live?.kind === 'primary' && live.status.isPaused) this.#cluster.press('resumePressed');
  }

  /** "The holder is dead" was said of another one: whoever still acts on it is stopped. */
  #withdraw(newHolder: string): void {
    for (const host of this.#cluster.hosts) {
      const { process, witness } = host;
      if (!host.isVouchedFor || !process || process.name === newHolder || witness?.isLive) continue;
      process.end('exited');
    }
  }

  /** Replicas that know themselves what to be only have to be started again. */
  get #asNeeded(): StartMode | null {
    return this.#cluster.plan.isAuto ? { kind: 'auto' } : null;
  }

  /** Nobody is live, nobody may go live, and who held the VM last is dead; or nobody ever did. */
  #isLost(): boolean {
    const { referee, store, processes, hosts } = this.#cluster;
    if (referee.survivors.length > 0) return false;
    const holder = store.latest?.holder.replica;
    if (holder !== undefined) return processes.get(holder)?.isDead ?? true;
    return !hosts.some(({ isFree, startedAs }) => !isFree && startedAs === 'primary');
  }
}
