import { setTimeout as sleep } from 'node:timers/promises';
import { Prng } from '../sim/prng.js';
import type { Activity } from './activity.js';
import type { ChaosCluster } from './chaos-cluster.js';
import { ChaosError } from './chaos-error.js';
import type { Fault } from './fault.js';
import { FaultInjection, needsProxy, type Pair } from './fault-injection.js';
import { History } from './history.js';
import type { RegisterClient } from './register-client.js';
import type { RedisAnswer } from './redis-socket.js';
import { judgeRound, type RoundVerdict } from './round-verdict.js';

/** What one round showed. */
export interface RoundFacts {
  readonly acknowledgedWrites: number;
  readonly operations: number;
  readonly lost: number;
  readonly isLinearizable: boolean;
  /** The longest time without an answer, from the fault on. */
  readonly gapMs: number;
  readonly violations: readonly string[];
}

/** One fault under load, from a protected VM to a protected VM. */
export class ChaosRound {
  readonly history = new History();
  readonly #cluster: ChaosCluster;
  readonly #clients: readonly RegisterClient[];
  readonly #activity: Activity;

  constructor(cluster: ChaosCluster, clients: readonly RegisterClient[], activity: Activity) {
    this.#cluster = cluster;
    this.#clients = clients;
    this.#activity = activity;
  }

  /** Errors: ChaosError if something that has to come about in the end does not. */
  async run(seed: number, fault: Fault): Promise<RoundFacts> {
    const { history } = this;
    const activity = this.#activity;
    const pair = await this.#ready(fault);
    const prefix = `round:${seed}:`;
    this.#clients.forEach((client, i) =>
      client.work(history, prefix, new Prng(seed, `client ${i}`)),
    );
    await sleep(300 + fault.before * 700);
    activity.mark();
    const violations = await new FaultInjection(this.#cluster, activity).inject(fault, pair);
    await activity.untilMore(answersAfter);
    await this.#cluster.untilProtected();
    await activity.untilMore(answersAfter);
    const gapMs = activity.longestMs;
    await within(Promise.all(this.#clients.map((client) => client.rest())), 'the last answers');
    const verdict = await this.#judge(this.#clients[0], prefix);
    return this.#facts(verdict, gapMs, violations);
  }

  /**
   * What the answers prove of a round that broke off: whoever asked is gone, and `reader`, who comes
   * from outside on a connection of its own, reads what the service knows.
   */
  async examine(seed: number, reader: RegisterClient): Promise<RoundFacts> {
    for (const client of this.#clients) client.close();
    await Promise.allSettled(this.#clients.map((client) => client.rest()));
    try {
      return this.#facts(await this.#judge(reader, `round:${seed}:`), 0, []);
    } catch (error) {
      const why = `not read back: ${error instanceof Error ? error.message : String(error)}`;
      return this.#facts(
        judgeRound(
          this.history,
          this.history.kept.map(({ value }) => value),
        ),
        0,
        [why],
      );
    } finally {
      reader.close();
    }
  }

  #facts(verdict: RoundVerdict, gapMs: number, violations: readonly string[]): RoundFacts {
    const { operations, kept, acknowledgedWrites } = this.history;
    return {
      ...verdict,
      gapMs,
      acknowledgedWrites,
      operations: operations.length + kept.length,
      violations: [...violations, ...verdict.violations],
    };
  }

  async #judge(reader: RegisterClient | undefined, prefix: string): Promise<RoundVerdict> {
    const { history } = this;
    const kept = history.kept.map(({ key }) => key);
    const read = async (): Promise<readonly (RedisAnswer | undefined)[]> => {
      await reader?.readAll(history, prefix);
      return (await reader?.valuesOf(kept)) ?? [];
    };
    return judgeRound(history, await within(read(), 'everything is read back'));
  }

  async #ready({ kind }: Fault): Promise<Pair> {
    let pair = await this.#cluster.untilProtected();
    await this.#cluster.endSpares(pair.primary, pair.backup);
    if (needsProxy(kind) && !pair.backup.isBehindProxy) {
      pair.backup.kill();
      await pair.backup.ended;
      pair = await this.#cluster.untilProtected();
    }
    return pair;
  }
}

// Some for each client, so that each has seen the world after the fault.
const answersAfter = 20;
const patienceMs = 30_000;

async function within<T>(what: Promise<T>, words: string): Promise<T> {
  const limit = new AbortController();
  const tooLate = sleep(patienceMs, undefined, { signal: limit.signal }).then(() => {
    throw new ChaosError(`Waited ${patienceMs / 1000} s in vain until ${words}`);
  });
  tooLate.catch(() => undefined);
  try {
    return await Promise.race([what, tooLate]);
  } finally {
    limit.abort();
  }
}
