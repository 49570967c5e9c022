import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { HypervisorStatus } from '../hypervisor/status.js';
import { askApi } from '../node/api-client.js';
import { createVm } from '../node/vm-directory.js';
import type { BenchSamples } from './bench-report.js';
import { BenchSwitch } from './bench-switch.js';
import { BenchError, GuestProcess } from './guest-process.js';

const names = {
  joinPause: 'guest pauses while a backup joins',
  joinTotal: 'a backup is in sync after it asked',
  killGap: 'client waits, primary killed',
  handOverGap: 'client waits, planned switch-over',
} as const;

/** Kills and planned switch-overs in turn, with a join before each, under one client's connection. */
export async function measureFailover(
  rounds: number,
  root: string,
  samples: BenchSamples,
): Promise<void> {
  const dir = await mkdtemp(join(root, 'failover-'));
  const bench = new FailoverBench(join(dir, 'vm'), samples);
  await bench.start();
  for (let round = 0; round < rounds; round += 1) {
    await bench.kill();
    await bench.handOver();
  }
  await bench.end();
  await rm(dir, { recursive: true, force: true });
}

interface Replica {
  readonly process: GuestProcess;
  readonly api: string;
}

class FailoverBench {
  readonly #dir: string;
  readonly #samples: BenchSamples;
  #ethernet: BenchSwitch | null = null;
  #client: PingClient | null = null;
  #live: Replica | null = null;
  #standby: Replica | null = null;

  constructor(dir: string, samples: BenchSamples) {
    this.#dir = dir;
    this.#samples = samples;
  }

  async start(): Promise<void> {
    await createVm(this.#dir, { services: ['redis'] });
    this.#ethernet = await BenchSwitch.start();
    this.#live = await this.#startReplica('--primary');
    this.#client = new PingClient(await this.#ethernet.reach());
    this.#standby = await this.#startReplica('--backup');
    await this.#untilProtected(this.#live);
  }

  /** `kill -9` of the primary; a new backup joins the one that takes over. */
  async kill(): Promise<void> {
    const [live, standby] = this.#both();
    const gapMs = await this.#client?.longestGapMs(async (begins) => {
      begins();
      await live.process.kill();
      await standby.process.expectDiagnostics(/LIVE at epoch/);
    });
    this.#samples.takeWait(names.killGap, gapMs ?? 0);
    this.#live = standby;
    this.#standby = await this.#startReplica('--backup');
    await this.#untilProtected(standby);
  }

  /** The primary hands over, and joins the other one as its backup. */
  async handOver(): Promise<void> {
    const [live, standby] = this.#both();
    const gapMs = await this.#client?.longestGapMs(async (begins) => {
      const answer = await askApi('POST', `${live.api}/failover`);
      if (answer?.status !== 202) throw new BenchError('The primary does not hand over');
      // Until then its guest runs on, and waits for nothing.
      await standby.process.expectDiagnostics(/it is leaving/);
      begins();
      await standby.process.expectDiagnostics(/LIVE at epoch/);
    });
    this.#samples.takeWait(names.handOverGap, gapMs ?? 0);
    [this.#live, this.#standby] = [standby, live];
    await this.#untilProtected(standby);
  }

  async end(): Promise<void> {
    this.#client?.end();
    const all = [this.#live?.process, this.#standby?.process, this.#ethernet?.process];
    for (const process of all) await process?.kill();
  }

  #both(): readonly [Replica, Replica] {
    if (!this.#live || !this.#standby) throw new BenchError('The failover bench was not started');
    return [this.#live, this.#standby];
  }

  async #startReplica(role: '--primary' | '--backup'): Promise<Replica> {
    const cable = ['--switch', this.#ethernet?.url ?? ''];
    const process = GuestProcess.ftvm('run', this.#dir, role, '--headless', ...cable);
    const [, api = ''] = await process.expectDiagnostics(/(http:\/\/\S+)/);
    return { process, api };
  }

  async #untilProtected(live: Replica): Promise<void> {
    await live.process.expectDiagnostics(/protected:/);
    const { lastJoin } = await statusOf(live);
    this.#samples.takeWait(names.joinPause, lastJoin.pauseMs ?? 0);
    this.#samples.takeWait(names.joinTotal, lastJoin.totalMs ?? 0);
    // The client has had answers of the protected guest before anything happens to it.
    await this.#client?.answers(answersBetween);
    // A backup is in sync, and takes over, while its machine is still being built: the wait would be
    // for that.
    for (;;) {
      const { backups } = await statusOf(live);
      if (backups.length === 0) throw new BenchError('The backup that joined is gone');
      if (backups.some(({ lagMs }) => lagMs <= settledLagMs)) return;
      await this.#client?.answers(1);
    }
  }
}

async function statusOf({ api }: Replica): Promise<HypervisorStatus> {
  const answer = await askApi('GET', `${api}/status`);
  if (answer?.status !== 200) throw new BenchError('The primary does not tell its status');
  return JSON.parse(answer.body) as HypervisorStatus;
}

const answersBetween = 1500;
const settledLagMs = 20;

/** Asks again as soon as it is answered, over one connection, and watches for the longest silence. */
class PingClient {
  readonly #socket: Socket;
  #answers = 0;
  #lastAtMs = performance.now();
  #longestMs = 0;
  #heard: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', () => this.#answered());
    socket.write('PING\r\n');
  }

  /** Of the silences that end after `begins` was called. */
  async longestGapMs(during: (begins: () => void) => Promise<void>): Promise<number> {
    await during(() => (this.#longestMs = 0));
    await this.answers(answersAfter);
    return this.#longestMs;
  }

  /** Resolves after that many more. Throws a BenchError after a minute without one. */
  answers(count: number): Promise<void> {
    const wanted = this.#answers + count;
    return new Promise((resolve, reject) => {
      const silence = setTimeout(() => {
        const missing = `${wanted - this.#answers} of ${count} answers are missing`;
        reject(new BenchError(`The guest's redis was silent for a minute: ${missing}`));
      }, 60_000);
      this.#heard = () => {
        if (this.#answers < wanted) return void silence.refresh();
        clearTimeout(silence);
        this.#heard = () => undefined;
        resolve();
      };
    });
  }

  end(): void {
    this.#socket.destroy();
  }

  #answered(): void {
    const nowMs = performance.now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastAtMs);
    this.#lastAtMs = nowMs;
    this.#answers += 1;
    this.#heard();
    this.#socket.write('PING\r\n');
  }
}

const answersAfter = 20;
