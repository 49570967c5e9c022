import { setTimeout as sleep } from 'node:timers/promises';
import type { Activity } from './activity.js';
import type { Direction } from './channel-proxy.js';
import { failureTimeoutMs, type ChaosCluster } from './chaos-cluster.js';
import type { Fault, FaultKind } from './fault.js';
import type { ReplicaProcess } from './replica-process.js';

/** The two replicas a fault befalls. */
export interface Pair {
  readonly primary: ReplicaProcess;
  readonly backup: ReplicaProcess;
}

/** Does what a fault says, and answers what went wrong that only shows while it lasts. */
export class FaultInjection {
  readonly #cluster: ChaosCluster;
  readonly #activity: Activity;

  constructor(cluster: ChaosCluster, activity: Activity) {
    this.#cluster = cluster;
    this.#activity = activity;
  }

  async inject({ kind, length }: Fault, pair: Pair): Promise<string[]> {
    const { primary, backup } = pair;
    const shortMs = 50 + length * (failureTimeoutMs - 150);
    switch (kind) {
      case 'killPrimary':
        primary.kill();
        return [];
      case 'killBackup':
        backup.kill();
        return [];
      case 'zombiePrimary':
        return this.#zombie(pair, length * 1000);
      case 'pausePrimary':
        return this.#pause(primary, shortMs);
      case 'stopBackup':
        return this.#pause(backup, failureTimeoutMs + 200 + length * 1500);
      case 'pauseBackup':
        return this.#pause(backup, shortMs);
      case 'channelCut':
        return this.#cut(backup, length, 'toBackup', 'toPrimary');
      case 'channelCutToBackup':
        return this.#cut(backup, length, 'toBackup');
      case 'channelCutToPrimary':
        return this.#cut(backup, length, 'toPrimary');
      case 'channelReset':
        backup.proxy?.reset();
        return [];
      case 'storageAway':
        return this.#storageAway(300 + length * 2500);
      case 'storageAwayPrimaryKilled':
        return this.#storageAwayPrimaryKilled(pair, 300 + length * 1700);
      case 'storageAwayBackupKilled':
        return this.#storageAwayBackupKilled(pair, 300 + length * 1700);
      case 'storageSlow':
        return this.#storageSlow(length);
      case 'storageSlowPrimaryKilled':
        // A claim and a disk are some ten calls; no claim may come out otherwise for being late.
        await this.#cluster.slowStorage(50 + length * 450);
        await this.#failOver(pair);
        await this.#cluster.speedUpStorage();
        return [];
      case 'switchRestart':
        await this.#cluster.restartSwitch();
        return [];
      case 'secondFaultInRejoin': {
        await this.#failOver(pair);
        const joiner = await this.#cluster.startBackup();
        await sleep(length * 1500);
        joiner.kill();
        return [];
      }
      case 'killTwice': {
        await this.#failOver(pair);
        const next = await this.#cluster.untilProtected();
        next.primary.kill();
        return [];
      }
      case 'loadedHost':
        this.#cluster.burn();
        await sleep(300);
        await this.#failOver(pair);
        this.#cluster.coolDown();
        return [];
      case 'primaryLeaves':
        primary.askToLeave();
        // It goes when its backup is close behind and its disk has nothing under way.
        await this.#untilReplaced(primary);
        return [];
    }
  }

  async #failOver({ primary }: Pair): Promise<void> {
    primary.kill();
    await this.#untilReplaced(primary);
  }
  async #untilReplaced(primary: ReplicaProcess): Promise<void> {
    const words = `another one than ${primary.name} is live`;
    await this.#cluster.untilLive((live) => live.replica !== primary, words);
  }

  /** It wakes up into a world that has another primary, and must find out before it speaks. */
  async #zombie({ primary }: Pair, extraMs: number): Promise<string[]> {
    primary.stop();
    await this.#untilReplaced(primary);
    await sleep(extraMs);
    await primary.goOn();
    const how = await Promise.race([primary.ended, sleep(10_000, 'it runs on', { ref: false })]);
    return how === 3 ? [] : [`${primary.name} was replaced while it was stopped, and then: ${how}`];
  }

  async #pause(replica: ReplicaProcess, ms: number): Promise<string[]> {
    replica.stop();
    await sleep(ms);
    await replica.goOn();
    return [];
  }

  async #cut(
    backup: ReplicaProcess,
    length: number,
    ...directions: Direction[]
  ): Promise<string[]> {
    backup.proxy?.cut(...directions);
    // Heartbeats go on, so the patience of the failure detector is three timeouts: half are shorter.
    await sleep(100 + length * 6 * failureTimeoutMs);
    backup.proxy?.mend();
    return [];
  }

  /** Who is protected needs no storage to go on. */
  async #storageAway(ms: number): Promise<string[]> {
    await this.#cluster.takeStorageAway();
    const before = this.#activity.answers;
    await sleep(ms);
    const { answers } = this.#activity;
    await this.#cluster.bringStorageBack();
    return answers > before ? [] : [`no answer for ${ms.toFixed(0)} ms, only the storage was away`];
  }

  /** Up to twice as long as a replica waits for a call, so that some are slow and some seem lost. */
  async #storageSlow(length: number): Promise<string[]> {
    await this.#cluster.slowStorage(100 + length * 3900);
    const before = this.#activity.answers;
    await sleep(1000 + length * 2000);
    const { answers } = this.#activity;
    await this.#cluster.speedUpStorage();
    return answers > before ? [] : ['no answer, though only the storage was slow'];
  }

  async #storageAwayPrimaryKilled({ primary }: Pair, ms: number): Promise<string[]> {
    await this.#cluster.takeStorageAway();
    primary.kill();
    await primary.ended;
    await sleep(ms);
    const live = await this.#cluster.live();
    await this.#cluster.bringStorageBack();
    return live ? [`${live.replica.name} went live while the storage was away`] : [];
  }

  async #storageAwayBackupKilled({ backup }: Pair, ms: number): Promise<string[]> {
    await this.#cluster.takeStorageAway();
    backup.kill();
    // What was on its way may still arrive; the primary hears of the death within the timeout.
    await sleep(failureTimeoutMs);
    const before = this.#activity.answers;
    await sleep(ms);
    const { answers } = this.#activity;
    await this.#cluster.bringStorageBack();
    if (answers === before) return [];
    return [`${answers - before} answers of a primary that could not claim the next generation`];
  }
}

/** The channel of the backup has to go through its proxy. */
export function needsProxy(kind: FaultKind): boolean {
  return kind.startsWith('channel');
}
/** Part of what the clients wait for is the storage, which is our doing. */
export function withholdsStorage(kind: FaultKind): boolean {
  return kind.startsWith('storage');
}
