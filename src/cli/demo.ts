import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import { FtvmError } from '../errors.js';
import type { HypervisorStatus } from '../hypervisor/status.js';
import { askApi } from '../node/api-client.js';
import { ChildFtvm } from '../node/child-ftvm.js';
import { FileGenerationStore } from '../node/file-generation-store.js';
import { CounterClient } from './counter-client.js';
import type { DemoClient } from './demo-client.js';
import type { DemoOptions, DemoReport } from './demo-report.js';
import { loadRedis, RedisClient } from './redis-client.js';
import { askStatus } from './status-command.js';

/** A step of the story did not come about. */
class DemoError extends FtvmError {
  readonly code = 'FTVM_DEMO';
  readonly remedy = 'Run ftvm doctor; on a very busy machine try again.';
}

/** The story end to end, with real processes: boot, protect, kill, go on. */
export class Demo {
  readonly #dir: string;
  readonly #options: DemoOptions;
  readonly #say: (line: string) => void;
  #client: DemoClient | null = null;
  #guestWords: readonly string[] = [];
  #children: ChildFtvm[] = [];
  #cancel: (why: Error) => void = () => undefined;
  readonly #cancelled: Promise<never>;

  constructor(dir: string, options: DemoOptions, say: (line: string) => void) {
    this.#dir = dir;
    this.#options = options;
    this.#say = say;
    this.#cancelled = new Promise((_resolve, reject) => (this.#cancel = reject));
    this.#cancelled.catch(() => undefined);
  }

  async run(): Promise<DemoReport> {
    const say = this.#say;
    const startedAtMs = performance.now();
    const client = await this.#prepare();
    const primary = this.#startReplica('--primary');
    say(`primary started: process ${primary.pid}, a new VM with the shipped Linux`);
    client.start();
    await this.#within(client.ready(), 'the guest boots', 60_000);
    const bootMs = performance.now() - startedAtMs;
    say(`guest up after ${ms(bootMs)} (from nothing, disk unpacked): its service answers`);
    client.run();
    await this.#within(client.answer(), 'the service answers', 10_000);
    say(`a client ${client.story}`);

    let live = primary;
    /** Who handed over is the backup of the next round. */
    let standby: ChildFtvm | null = null;
    const { planned } = this.#options;
    const detectedMs: number[] = [];
    const liveMs: number[] = [];
    const gapsMs: number[] = [];
    const pausesMs: number[] = [];
    let [digestsCompared, divergences] = [0, 0];
    for (let round = 1; round <= this.#options.rounds; round += 1) {
      const backup: ChildFtvm = standby ?? this.#startReplica('--backup');
      const joined = await this.#untilProtected(live);
      const { pauseMs } = joined.lastJoin;
      pausesMs.push(pauseMs ?? 0);
      const lagMs = Math.max(...joined.backups.map((row) => row.lagMs));
      say(`backup joined: process ${backup.pid}; the guest paused for ${ms(pauseMs ?? 0)}`);
      say(`PROTECTED: lag ${ms(lagMs)}, generation ${joined.generation}`);
      await sleep(this.#options.seconds * 1000 * (0.75 + 0.5 * chance(this.#options.seed, round)));
      const what = planned ? 'ftvm failover' : 'kill -9';
      say(
        `client has ${client.acknowledged} answers; ${what} of the primary (process ${live.pid}), now`,
      );
      client.answers.mark();
      const killedAtWallMs = performance.timeOrigin + performance.now();
      if (planned) {
        standby = live;
        await askApi('POST', `${(await this.#statusOf(live)).primary?.api ?? ''}/failover`);
      } else live.kill();
      const { takeover, replay } = await this.#untilLive(backup, killedAtWallMs);
      for (let answers = 0; answers < 10; answers += 1) {
        await this.#within(client.answer(), 'the service goes on', 30_000);
      }
      const gapMs = client.answers.longestMs;
      gapsMs.push(gapMs);
      digestsCompared += replay.digestsCompared;
      divergences += replay.divergences;
      detectedMs.push(Math.max(0, takeover.primaryLostAtMs - killedAtWallMs));
      liveMs.push(Math.max(0, takeover.liveAtMs - killedAtWallMs));
      say(`the backup noticed ${ms(detectedMs.at(-1) ?? 0)} after the ${what}`);
      say(`the backup was LIVE ${ms(liveMs.at(-1) ?? 0)} after the ${what}`);
      say(`the client waited ${ms(gapMs)} at most, and has ${client.acknowledged} answers`);
      live = backup;
    }
    say('asking the service for everything it acknowledged');
    const facts = await this.#within(client.verify(), 'everything is read back', 60_000);
    client.close();
    await this.#powerOff(live);
    return {
      ok: facts.lost + facts.duplicated + facts.connectionResets === 0 && divergences === 0,
      image: 'linux',
      rounds: this.#options.rounds,
      bootMs: Math.round(bootMs),
      joinPauseMs: pausesMs.map(round1),
      guestRequests: facts.acknowledged,
      lostAcknowledged: facts.lost,
      duplicated: facts.duplicated,
      connectionResets: facts.connectionResets,
      consoleReconnects: facts.consoleReconnects,
      failover: {
        detectedMs: round1(Math.max(...detectedMs)),
        liveMs: round1(Math.max(...liveMs)),
        clientGapMs: round1(Math.max(...gapsMs)),
      },
      gapsMs: gapsMs.map(round1),
      divergences,
      digestsCompared,
    };
  }

  cancel(): void {
    this.#cancel(new DemoError('Interrupted'));
  }

  /** Nothing of ours runs when it resolves. */
  async cleanUp(): Promise<void> {
    this.#client?.close();
    for (const child of this.#children) child.kill();
    await Promise.all(this.#children.map(({ ended }) => ended));
  }

  /** The client, and the words that give the guest what it needs. */
  async #prepare(): Promise<DemoClient> {
    const Redis = this.#options.client === 'redis' ? await loadRedis() : null;
    if (!Redis) {
      this.#guestWords = ['--append', 'app=counter'];
      this.#client = new CounterClient(() => this.#liveApi());
      return this.#client;
    }
    const ftvm = this.#start([
      'switch',
      '--listen',
      '127.0.0.1:0',
      '--forward',
      '127.0.0.1:0:6379',
      '--json',
    ]);
    const told = JSON.parse(await this.#within(ftvm.firstLine, 'the switch starts', 15_000)) as {
      url: string;
      forwards: { port: number }[];
    };
    const port = told.forwards[0]?.port ?? 0;
    this.#say(`switch started: process ${ftvm.pid}; 127.0.0.1:${port} leads to the guest's redis`);
    this.#guestWords = ['--service', 'redis', '--switch', told.url];
    this.#client = new RedisClient(Redis, port);
    return this.#client;
  }

  #startReplica(role: '--primary' | '--backup'): ChildFtvm {
    const { outputCommit, channelDelayMs, failureTimeout } = this.#options;
    return this.#start([
      'run',
      this.#dir,
      role,
      '--headless',
      '--failure-timeout',
      String(failureTimeout),
      '--output-commit',
      outputCommit ? 'on' : 'off',
      '--channel-delay',
      String(channelDelayMs),
      ...this.#guestWords,
    ]);
  }

  #start(words: readonly string[]): ChildFtvm {
    const child = new ChildFtvm(words);
    this.#children.push(child);
    void child.ended.then((how) => {
      if (child.wasTold) return;
      const said = child.lastWords;
      this.#cancel(new DemoError(`Process ${child.pid} ended (${how}). It said:\n${said}`));
    });
    return child;
  }

  /** The API of whoever holds the latest generation, or null. */
  async #liveApi(): Promise<string | null> {
    const holder = await this.#holder();
    return holder?.api ?? null;
  }

  async #holder(): Promise<ReplicaIdentity | null> {
    const latest = await new FileGenerationStore(join(this.#dir, 'generations')).latest();
    return latest.kind === 'found' ? latest.record.holder : null;
  }

  /** The status of that process, which has to be the live one. */
  async #statusOf(replica: ChildFtvm): Promise<HypervisorStatus> {
    const holder = await this.#holder();
    const status = holder?.pid === replica.pid ? await askStatus(holder.api) : null;
    if (!status) {
      throw new DemoError(`Process ${replica.pid} is not live. It said:\n${replica.lastWords}`);
    }
    return status;
  }

  async #untilProtected(live: ChildFtvm): Promise<HypervisorStatus> {
    for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 20) {
      const status = await this.#statusOf(live);
      if (status.protection === 'protected') return status;
      await sleep(20);
    }
    const words = this.#children.at(-1)?.lastWords ?? '';
    throw new DemoError(`No backup was in sync after a minute. It said:\n${words}`);
  }

  async #untilLive(
    backup: ChildFtvm,
    sinceMs: number,
  ): Promise<{
    takeover: NonNullable<HypervisorStatus['takeover']>;
    replay: HypervisorStatus['replay'];
  }> {
    for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 5) {
      const holder = await this.#holder();
      const status = holder?.pid === backup.pid ? await askStatus(holder.api) : null;
      // It may have taken over before, in an earlier round.
      if (status?.takeover && status.takeover.liveAtMs >= Math.floor(sinceMs))
        return { takeover: status.takeover, replay: status.replay };
      await this.#within(sleep(5), 'the backup goes live', 30_000);
    }
    throw new DemoError(`The backup did not go live. It said:\n${backup.lastWords}`);
  }

  async #powerOff(live: ChildFtvm): Promise<void> {
    const api = await this.#liveApi();
    for (const child of this.#children) child.wasTold = true;
    if (api !== null) await askApi('POST', `${api}/stop`);
    await this.#within(live.ended, 'the guest powers off', 15_000);
    this.#say('guest powered off');
  }

  async #within<T>(what: Promise<T>, words: string, limitMs: number): Promise<T> {
    const limit = new AbortController();
    const tooLate = sleep(limitMs, undefined, { signal: limit.signal }).then(() => {
      const said = this.#children.map(({ pid, lastWords }) => `[${pid}] ${lastWords}`).join('\n');
      throw new DemoError(`Waited ${limitMs / 1000} s in vain until ${words}.\n${said}`);
    });
    try {
      return await Promise.race([what, tooLate, this.#cancelled]);
    } finally {
      limit.abort();
      tooLate.catch(() => undefined);
    }
  }
}

function ms(value: number): string {
  return `${round1(value)} ms`;
}
function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

/** From 0 to 1, the same for the same seed and round. */
function chance(seed: number, round: number): number {
  let state = (seed * 2654435761 + round * 40503) >>> 0;
  state = Math.imul(state ^ (state >>> 15), 2246822519) >>> 0;
  return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
}
