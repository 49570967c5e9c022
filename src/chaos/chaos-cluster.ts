import { spawn, type ChildProcess } from 'node:child_process';
import { rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HypervisorStatus } from '../hypervisor/status.js';
import { askApi } from '../node/api-client.js';
import { ChildFtvm } from '../node/child-ftvm.js';
import { ChannelProxy } from './channel-proxy.js';
import { ChaosError } from './chaos-error.js';
import { LiveWatch } from './live-watch.js';
import { ReplicaProcess } from './replica-process.js';

/** A live replica, and what it says about itself. */
export interface Live {
  readonly replica: ReplicaProcess;
  readonly status: HypervisorStatus;
}

/**
 * The processes of one VM: a switch, a primary, backups, and a shared disk that can be taken away.
 *
 * Shape: `dir` is ours and gets everything: the VM in `vm`, what each process says in `NAME.log`.
 */
export class ChaosCluster {
  readonly watch = new LiveWatch();
  readonly #dir: string;
  readonly #backups: number;
  readonly #commit: HypervisorStatus['commit'];
  readonly #replicas: ReplicaProcess[] = [];
  readonly #burners: ChildProcess[] = [];
  #switch: ChildFtvm | null = null;
  #switchUrl = '';
  #port = 0;
  #isStorageAway = false;
  #isClosed = false;
  #watching: Promise<void> = Promise.resolve();

  constructor(
    dir: string,
    vm: { readonly backups: number; readonly commit: HypervisorStatus['commit'] },
  ) {
    this.#dir = dir;
    this.#backups = vm.backups;
    this.#commit = vm.commit;
  }

  /** Of the forward that leads to the guest's redis. */
  get port(): number {
    return this.#port;
  }
  get generationsDir(): string {
    return join(this.#dir, 'vm', 'generations');
  }
  get replicas(): readonly ReplicaProcess[] {
    return this.#replicas;
  }
  get divergences(): number {
    return this.#replicas.reduce((sum, { divergences }) => sum + divergences, 0);
  }
  /** Replicas that ended and should not have. */
  get unexpectedEnds(): string[] {
    return this.#replicas.flatMap(({ unexpectedEnd }) => unexpectedEnd ?? []);
  }

  /** A switch and a primary that boots. */
  async start(): Promise<void> {
    await this.#startSwitch('127.0.0.1:0', '127.0.0.1:0:6379');
    const wish = ['--backups', String(this.#backups), '--commit', this.#commit];
    this.#startReplica(['--primary', ...wish], null);
    this.#watching = this.#look();
  }

  /** Starts a backup that reaches the primary through a proxy. */
  async startBackup(): Promise<ReplicaProcess> {
    const { status } = await this.untilLive();
    const proxy = await ChannelProxy.open(status.primary?.endpoint ?? '');
    return this.#startReplica(['--backup', '--join', proxy.url], proxy);
  }

  /** Whoever is live and may speak; null while nobody is. */
  async live(): Promise<Live | null> {
    const rows = await Promise.all(
      this.#replicas.map(async (replica) => ({ replica, status: await replica.status() })),
    );
    let best: Live | null = null;
    for (const { replica, status } of rows) {
      if (status?.role !== 'primary' || status.primary?.releasing !== true) continue;
      if (!best || status.generation > best.status.generation) best = { replica, status };
    }
    return best;
  }

  /** Resolves when `wanted` holds of whoever is live. */
  async untilLive(
    wanted: (live: Live) => boolean = () => true,
    words = 'a replica is live',
  ): Promise<Live> {
    const startedAtMs = performance.now();
    while (performance.now() - startedAtMs < patienceMs) {
      const live = await this.live();
      if (live && wanted(live)) return live;
      this.#checkEnds();
      await sleep(askMs);
    }
    throw new ChaosError(`Waited ${patienceMs / 1000} s in vain until ${words}`);
  }

  /**
   * Live with as many in-sync backups as there are to be, all of them running; starts one whenever there
   * are too few. Answers one of them, behind its proxy if any is.
   */
  async untilProtected(): Promise<{ primary: ReplicaProcess; backup: ReplicaProcess }> {
    const startedAtMs = performance.now();
    while (performance.now() - startedAtMs < patienceMs) {
      const live = await this.live();
      this.#checkEnds();
      const inSync = live ? this.#inSyncOf(live) : [];
      const backup = inSync.find(({ isBehindProxy }) => isBehindProxy) ?? inSync[0];
      if (live && backup && inSync.length >= this.#backups)
        return { primary: live.replica, backup };
      const others = this.#replicas.filter((each) => each.isRunning && each !== live?.replica);
      if (live && others.length < this.#backups) await this.startBackup();
      await sleep(askMs);
    }
    throw new ChaosError(`Not ${this.#backups} backups in sync within ${patienceMs / 1000} s`);
  }

  /** Spares beyond the backups there are to be would only take the cores of the others. */
  async endSpares(primary: ReplicaProcess, backup: ReplicaProcess): Promise<void> {
    const spares = this.#replicas.filter(
      (replica) => replica.isRunning && replica !== primary && replica !== backup,
    );
    const tooMany = spares.slice(0, Math.max(0, spares.length + 1 - this.#backups));
    for (const spare of tooMany) spare.kill();
    await Promise.all(tooMany.map(({ ended }) => ended));
  }

  async takeStorageAway(): Promise<void> {
    this.#isStorageAway = true;
    await rename(this.generationsDir, `${this.generationsDir}.away`);
  }
  async bringStorageBack(): Promise<void> {
    if (!this.#isStorageAway) return;
    await rename(`${this.generationsDir}.away`, this.generationsDir);
    this.#isStorageAway = false;
  }

  /** Each call of a replica to the shared disk takes `byMs` longer. */
  async slowStorage(byMs: number): Promise<void> {
    await writeFile(this.#slowBy, String(byMs));
  }
  async speedUpStorage(): Promise<void> {
    await rm(this.#slowBy, { force: true });
  }

  /** The old one dies like its host; the new one stands where it stood. */
  async restartSwitch(): Promise<void> {
    this.#switch?.kill();
    await this.#switch?.ended;
    await this.#startSwitch(new URL(this.#switchUrl).host, `127.0.0.1:${this.#port}:6379`);
  }

  /** Half of the cores have something better to do. */
  burn(): void {
    for (let i = 0; i < Math.ceil(availableParallelism() / 2); i += 1) {
      this.#burners.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
    }
  }
  coolDown(): void {
    for (const burner of this.#burners.splice(0)) burner.kill('SIGKILL');
  }

  async powerOff(): Promise<void> {
    const { replica, status } = await this.untilLive();
    for (const each of this.#replicas) each.mayPowerOff();
    await askApi('POST', `${status.primary?.api ?? ''}/stop`);
    await Promise.race([replica.ended, sleep(10_000, undefined, { ref: false })]);
  }

  /** Nothing of ours runs when it resolves. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.coolDown();
    for (const replica of this.#replicas) {
      replica.kill();
      replica.proxy?.close();
    }
    this.#switch?.kill();
    await Promise.all([...this.#replicas.map(({ ended }) => ended), this.#switch?.ended]);
    await this.#watching;
  }

  get #slowBy(): string {
    return join(this.#dir, 'storage-slow-by-ms');
  }

  #inSyncOf({ replica, status }: Live): ReplicaProcess[] {
    const pids = status.backups.filter(({ inSync }) => inSync).map(({ pid }) => pid);
    return this.#replicas.filter(
      (other) =>
        other !== replica && pids.includes(other.pid) && other.isRunning && !other.isStopped,
    );
  }

  #checkEnds(): void {
    if (this.#isClosed) throw new ChaosError('Interrupted');
    const [what] = this.unexpectedEnds;
    if (what !== undefined) throw new ChaosError(what);
  }

  #startReplica(role: readonly string[], proxy: ChannelProxy | null): ReplicaProcess {
    this.#checkClosed();
    const name = `replica-${this.#replicas.length + 1}`;
    const words = [
      'run',
      join(this.#dir, 'vm'),
      ...role,
      '--headless',
      '--switch',
      this.#switchUrl,
    ];
    const failureTimeout = ['--failure-timeout', String(failureTimeoutMs)];
    const replica = new ReplicaProcess(name, [...words, ...failureTimeout, '--service', 'redis'], {
      logPath: join(this.#dir, `${name}.log`),
      proxy,
      slowStorage: { dir: join(this.#dir, 'vm'), byFile: this.#slowBy },
    });
    this.#replicas.push(replica);
    return replica;
  }

  async #startSwitch(listen: string, forward: string): Promise<void> {
    this.#checkClosed();
    const logFile = join(this.#dir, 'switch.log');
    this.#switch = new ChildFtvm([
      ...['switch', '--listen', listen, '--forward', forward, '--json', '--log-file', logFile],
    ]);
    const ended = this.#switch.ended.then((how) => {
      throw new ChaosError(`The switch ended (${how}): ${this.#switch?.lastWords ?? ''}`);
    });
    ended.catch(() => undefined);
    const line = await Promise.race([this.#switch.firstLine, ended]);
    const told = JSON.parse(line) as { url: string; forwards: { port: number }[] };
    this.#switchUrl = told.url;
    this.#port = told.forwards[0]?.port ?? 0;
  }

  #checkClosed(): void {
    if (this.#isClosed) throw new ChaosError('Interrupted');
  }

  async #look(): Promise<void> {
    while (!this.#isClosed) {
      await this.watch.look(this.#replicas.filter(({ isRunning }) => isRunning));
      await sleep(watchMs);
    }
  }
}

/** As in ftvm run; faults are timed by it. */
export const failureTimeoutMs = 500;
const patienceMs = 60_000;
const askMs = 20;
const watchMs = 50;
