import type { ReplicaIdentity } from '../../src/arbiter/generation-record.js';
import type { Hello } from '../../src/channel/wire-message.js';
import { PROTOCOL_VERSION } from '../../src/channel/wire-message.js';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import type { GuestOutput } from '../../src/guest/guest-output.js';
import type { Snapshot } from '../../src/guest/snapshot.js';
import type { StateDigest } from '../../src/guest/state-digest.js';
import { noPast, type Stand } from '../../src/log/log-history.js';
import type { LogRecord } from '../../src/log/log-record.js';
import type { PrimaryStart } from '../../src/role/role-effect.js';
import { defaultRedundancy } from '../../src/role/redundancy.js';
import type { RoleSettings } from '../../src/role/role-settings.js';
import { defaultSlowBackupRule } from '../../src/role/slow-backups.js';

export function identityOf(replica: string): ReplicaIdentity {
  const endpoint = `ws://${replica}:1`;
  return { replica, pid: 1, host: replica, endpoint, api: `http://${replica}:1` };
}

export const build: Hello['build'] = {
  ftvm: '0.1.0',
  logVersion: 1,
  v86: '0.5.462',
  v86Wasm: 'abc',
  node: '20',
  architecture: 'x64',
};

/** Settings of a replica with round numbers: suspicion after 500 ms, a log buffer of 64 KiB. */
export function settingsOf(replica: string, changes: Partial<RoleSettings> = {}): RoleSettings {
  return {
    self: { vm: 'vm', identity: identityOf(replica), build, machine: { memoryMiB: '1' } },
    heartbeatTo: `${replica}:2`,
    willWord: `word-of-${replica}`,
    failureTimeoutMs: 500,
    outputCommit: true,
    logBufferBytesMax: 64 * 1024,
    lagMsTarget: 100,
    ownDisk: null,
    slowBackup: defaultSlowBackupRule,
    redundancy: {},
    ...changes,
  };
}

export function helloOf(replica: string): Hello {
  const { self, heartbeatTo, willWord } = settingsOf(replica);
  const protocol = PROTOCOL_VERSION;
  const rest = { willWord, keepsJournal: false, stand: null };
  return { kind: 'hello', protocol, heartbeatTo, ...self, ...rest };
}

export const powerOn: PrimaryStart = {
  generation: 1,
  redundancy: defaultRedundancy,
  lastEpoch: 0,
  consoleOffset: 0,
  lastRequestId: 0,
  pendingDisk: [],
  startedDisk: [],
  finishedDisk: [],
  unreleasedFrames: [],
  guestEnd: null,
  isPaused: false,
  past: noPast(1),
};

export function recordOf(epoch: number, events: readonly GuestEvent[] = []): LogRecord {
  return { epoch, clockMs: epoch, rounds: 1, events, cut: false, before: null };
}

export function digestOf(epoch: number): StateDigest {
  const registers = [0, 1, 2, 3, 4, 5, 6, 7];
  const rest = { instructionPointer: 0, flags: 0, processorHash: 0, memoryHash: 0 };
  return { epoch, instructions: 0, registers, ...rest };
}
export function standOf(received: number, liveSince = 1, ran = received): Stand {
  return { liveSince, received, ran, digest: digestOf(ran) };
}

export function snapshotOf(epoch: number, stateBytes = 4096): Snapshot {
  return {
    epoch,
    clockMs: epoch,
    instructions: epoch,
    consoleOffset: 0,
    lastRequestId: 0,
    wallClockAtStartMs: -5,
    chanceState: 7,
    uartInput: new Uint8Array(0),
    isPaused: false,
    state: new Uint8Array(stateBytes).fill(1),
  };
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export function consoleOf(text: string, offset = 0): GuestOutput {
  return { kind: 'consoleBytes', bytes: bytesOf(text), offset };
}
export function frameOf(text: string): GuestOutput {
  return { kind: 'frameSent', frame: bytesOf(text) };
}
export function writeOf(id: number, offsetBytes = 0, data = 'data'): GuestOutput & { id: number } {
  return { kind: 'diskWrite', id, drive: 'hda', offsetBytes, data: bytesOf(data) };
}
export function readOf(id: number, offsetBytes = 0, lengthBytes = 4): GuestOutput & { id: number } {
  return { kind: 'diskRead', id, drive: 'hda', offsetBytes, lengthBytes };
}

/** Bytes as lists of numbers, so that buffers of any kind compare. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
