import { Prng } from '../sim/prng.js';

/** What a round does to the processes, the channel or the storage. */
export const faultKinds = [
  'killPrimary',
  'killBackup',
  'zombiePrimary',
  'pausePrimary',
  'stopBackup',
  'pauseBackup',
  'channelCut',
  'channelCutToBackup',
  'channelCutToPrimary',
  'channelReset',
  'storageAway',
  'storageAwayPrimaryKilled',
  'storageAwayBackupKilled',
  'storageSlow',
  'storageSlowPrimaryKilled',
  'switchRestart',
  'secondFaultInRejoin',
  'killTwice',
  'loadedHost',
  'primaryLeaves',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** In words, for whoever watches. */
export const faultWords: Readonly<Record<FaultKind, string>> = {
  killPrimary: 'the primary is killed',
  killBackup: 'the backup is killed',
  zombiePrimary: 'the primary is stopped until a backup is live, and goes on then',
  pausePrimary: 'the primary is stopped for less than the failure timeout',
  stopBackup: 'the backup is stopped for longer than the failure timeout',
  pauseBackup: 'the backup is stopped for less than the failure timeout',
  channelCut: 'the channel is silent both ways; heartbeats go on',
  channelCutToBackup: 'the backup hears nothing on the channel; the primary does',
  channelCutToPrimary: 'the primary hears nothing on the channel; the backup does',
  channelReset: 'the channel breaks',
  storageAway: 'the storage of the generations is away',
  storageAwayPrimaryKilled: 'the storage is away while the primary is killed',
  storageAwayBackupKilled: 'the storage is away while the backup is killed',
  storageSlow: 'each call to the storage takes long',
  storageSlowPrimaryKilled: 'the primary is killed while each call to the storage takes long',
  switchRestart: 'the switch is killed and started again',
  secondFaultInRejoin: 'the primary is killed, and the next backup while it joins',
  killTwice: 'the primary is killed, and the next one as soon as it is protected',
  loadedHost: 'the primary is killed on a host whose cores are busy',
  primaryLeaves: 'the primary is asked to leave',
};

/**
 * The fault of one round, and when and how long.
 *
 * Units: the times are fractions of what the fault allows, from 0 up to, not including, 1.
 */
export interface Fault {
  readonly kind: FaultKind;
  /** How long the clients work before. */
  readonly before: number;
  /** How long it lasts, or how long the second one waits. */
  readonly length: number;
}

/**
 * The fault of a seed. Seeds in a row shuffle the kinds as a pack of cards: each kind comes once
 * before any comes again, so that a short campaign leaves none out.
 */
export function rollFault(seed: number, kinds: readonly FaultKind[] = faultKinds): Fault {
  const pack = new Prng(Math.floor(seed / kinds.length), 'pack');
  const left = [...kinds];
  let kind: FaultKind = pack.pick(left);
  for (let drawn = 0; drawn <= seed % kinds.length; drawn += 1) {
    kind = pack.pick(left);
    left.splice(left.indexOf(kind), 1);
  }
  const chance = new Prng(seed, 'times');
  return { kind, before: chance.fraction(), length: chance.fraction() };
}
