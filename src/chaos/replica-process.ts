import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HypervisorStatus } from '../hypervisor/status.js';
import { askApi } from '../node/api-client.js';
import { ChildFtvm } from '../node/child-ftvm.js';
import type { ChannelProxy } from './channel-proxy.js';

export interface ReplicaProcessOptions {
  /** Gets all it says. */
  readonly logPath: string;
  readonly proxy: ChannelProxy | null;
  /** The storage under `dir` is slow by as many milliseconds as are in `byFile`, while it is there. */
  readonly slowStorage: { readonly dir: string; readonly byFile: string };
}

const slowStorageModule = new URL('./slow-storage.js', import.meta.url).href;

/** A replica in a process of its own, and what we have done to it. */
export class ReplicaProcess {
  readonly name: string;
  readonly proxy: ChannelProxy | null;
  /** Stopped by us: it answers nobody, and what it answered before is old news. */
  isStopped = false;
  /** How many times its machine turned out to be another than its primary's. */
  divergences = 0;
  /** Its exit status or signal, once it has ended. */
  endedWith: number | string | null = null;
  readonly #child: ChildFtvm;
  readonly #allowedEnds = new Set<number | string>([haltedElsewhere]);
  #api: string | null = null;
  #hasRejoined = false;
  #line = '';

  constructor(
    name: string,
    words: readonly string[],
    { logPath, proxy, slowStorage: { dir, byFile } }: ReplicaProcessOptions,
  ) {
    this.name = name;
    this.proxy = proxy;
    const slow = {
      preload: slowStorageModule,
      env: { CHAOS_SLOW_DIR: dir, CHAOS_SLOW_BY: byFile },
    };
    const hear = (text: string): void => {
      appendFileSync(logPath, text);
      const lines = (this.#line + text).split('\n');
      this.#line = lines.pop() ?? '';
      for (const line of lines) this.#said(line);
    };
    this.#child = new ChildFtvm(words, hear, slow);
    void this.#child.ended.then((how) => {
      this.endedWith = how;
      proxy?.close();
      appendFileSync(logPath, `ended: ${how}\n`);
    });
  }

  get pid(): number {
    return this.#child.pid;
  }
  get isRunning(): boolean {
    return this.endedWith === null;
  }
  get ended(): Promise<number | string> {
    return this.#child.ended;
  }
  /** Its channel goes through the proxy, which can be cut; a backup that re-joined goes past it. */
  get isBehindProxy(): boolean {
    return this.proxy !== null && this.proxy.isUsed && !this.#hasRejoined;
  }
  /** What was wrong with its end, if anything: nobody asked for it. */
  get unexpectedEnd(): string | null {
    const how = this.endedWith;
    if (how === null || this.#allowedEnds.has(how)) return null;
    return `${this.name} ended (${how}): ${this.#child.lastWords.slice(-500)}`;
  }

  /** Null if it does not answer. */
  async status(): Promise<HypervisorStatus | null> {
    if (this.#api === null || !this.isRunning || this.isStopped) return null;
    const answer = await askApi('GET', `${this.#api}/status`, { timeoutMs: 1000 });
    return answer?.status === 200 ? (JSON.parse(answer.body) as HypervisorStatus) : null;
  }

  /** Like a power cut. */
  kill(): void {
    this.#allowedEnds.add('SIGKILL');
    this.#child.kill();
  }
  stop(): void {
    this.isStopped = true;
    this.#child.process.kill('SIGSTOP');
  }
  async goOn(): Promise<void> {
    this.#child.process.kill('SIGCONT');
    // Its timers come first, then us: what it tells from here on is what it knows.
    await sleep(settleMs);
    this.isStopped = false;
  }
  askToLeave(): void {
    this.#allowedEnds.add(interrupted);
    this.#child.process.kill('SIGTERM');
  }
  /** The guest is being powered off, and ends with it. */
  mayPowerOff(): void {
    this.#allowedEnds.add(0);
  }

  #said(line: string): void {
    this.#api ??= /process \d+, (http:\/\/\S+)/.exec(line)?.[1] ?? null;
    if (!line.includes('joining again')) return;
    this.#hasRejoined = true;
    if (line.includes('diverged')) this.divergences += 1;
  }
}

// The exit statuses of ftvm run that are no failure: another replica is live; asked to leave.
const haltedElsewhere = 3;
const interrupted = 130;
const settleMs = 30;
