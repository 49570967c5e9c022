import { Packr } from 'msgpackr';
import { decodeConsoleGreeting, decodeConsoleOutput } from '../../src/channel/console-codec.js';
import { StateReceiver } from '../../src/channel/state-transfer.js';
import { heartbeatOf, lastWillOf, parseLifeSign } from '../../src/channel/life-sign.js';
import { decodeMessage, encodeMessage } from '../../src/channel/wire-codec.js';
import type { WireMessage } from '../../src/channel/wire-message.js';
import { crc32 } from '../../src/log/crc32.js';
import { decodeRecord, encodeRecord } from '../../src/log/log-codec.js';
import type { LogRecord } from '../../src/log/log-record.js';
import type { Prng } from '../../src/sim/prng.js';
import { bytesOf, helloOf, identityOf, recordOf, snapshotOf, standOf } from '../role/settings.js';
import { joined, mutateBytes, mutateValue, randomBytes } from './mutator.js';
import { insist, type FuzzTarget } from './target.js';

const digest = {
  epoch: 2,
  instructions: 2 ** 40,
  registers: [1, 2, 3, 4, 5, 6, 7, 2 ** 32 - 1],
  instructionPointer: 9,
  flags: 10,
  processorHash: 11,
  memoryHash: 12,
};
export const sampleRecords: readonly LogRecord[] = [
  recordOf(1),
  {
    ...recordOf(3, [
      { kind: 'consoleInput', bytes: bytesOf('ls\n') },
      { kind: 'keysPressed', scancodes: bytesOf('k') },
      { kind: 'frameReceived', frame: bytesOf('a frame') },
      { kind: 'diskCompleted', requestId: 4, result: { kind: 'read', data: bytesOf('disk') } },
      { kind: 'diskCompleted', requestId: 5, result: { kind: 'written' } },
      { kind: 'diskCompleted', requestId: 6, result: { kind: 'failed' } },
      { kind: 'diskCompleted', requestId: 7, result: { kind: 'ownRead' } },
      { kind: 'powerPressed' },
      { kind: 'resetPressed' },
      { kind: 'powerButtonPressed' },
      { kind: 'pausePressed' },
      { kind: 'resumePressed' },
      { kind: 'clockSet', wallClockMs: 1_795_402_599_123 },
    ]),
    cut: true,
    before: digest,
  },
];
const { state, ...header } = snapshotOf(9);
export const sampleMessages: readonly WireMessage[] = [
  helloOf('b1'),
  { ...helloOf('b1'), stand: standOf(7) },
  {
    kind: 'welcome',
    identity: identityOf('p'),
    generation: 3,
    heartbeatTo: 'p:2',
    willWord: 'w',
    lineage: { liveSince: 3, before: [{ liveSince: 1, through: 99 }] },
    redundancy: { backups: 1, commit: 'all' },
    seat: '1.1',
  },
  { kind: 'refusal', code: 'FTVM_X', why: 'why', remedy: 'remedy' },
  { kind: 'stateBegin', header, stateBytes: state.byteLength },
  { kind: 'statePages', offset: 100, data: state.subarray(0, 100) },
  { kind: 'stateEnd' },
  { kind: 'stateAck', receivedBytes: 2 ** 40 },
  { kind: 'records', records: sampleRecords, released: 1, consoleReleased: 77, isAwaited: true },
  { kind: 'ack', received: 2, ran: 1, durable: null },
  { kind: 'inSync', generation: 2 },
  {
    kind: 'diskAsk',
    drive: 'hda',
    offsetBytes: 512,
    lengthBytes: 512,
    digest: new Uint8Array(32),
    ran: 1,
  },
  { kind: 'diskAnswer', drive: 'hda', offsetBytes: 0, data: new Uint8Array(512) },
  { kind: 'diskSynced' },
  { kind: 'diverged', epoch: 8, difference: 'eax: 0x0 here, 0x1 there' },
  { kind: 'handOver' },
  { kind: 'ready' },
  { kind: 'keepAlive' },
  { kind: 'goodbye', end: { kind: 'poweredOff', epoch: 4 } },
  { kind: 'goodbye', end: { kind: 'crashed', epoch: 4, reason: 'triple fault' } },
  { kind: 'goodbye', end: { kind: 'leaving' } },
];

const packr = new Packr({ useRecords: false, useBigIntExtension: true });
const plainMessages = sampleMessages.map((message) =>
  message.kind === 'records'
    ? { ...message, records: message.records.map(encodeRecord) }
    : { ...message },
);
const plainRecords = sampleRecords.map((record) => packr.unpack(encodeRecord(record)) as unknown);

/** Nested lists, maps and extensions, deeper than a stack. */
function deepBytes(chance: Prng): Uint8Array {
  const unit = chance.pick([[0x91], [0x81, 0xa1, 0x6b], [0xdd, 0, 0, 0, 1], [0xd4, 0x73, 0x91]]);
  const count = chance.pick([100, 5_000, 60_000]);
  const bytes = new Uint8Array(unit.length * count);
  for (let at = 0; at < bytes.byteLength; at += unit.length) bytes.set(unit, at);
  return bytes;
}

/** Bytes in the form of one of `values`, or nearly. */
export function mutatePacked(chance: Prng, values: readonly unknown[]): Uint8Array {
  if (chance.chance(0.002)) return deepBytes(chance);
  if (chance.chance(0.5)) return packr.pack(mutateValue(chance, chance.pick(values)));
  return mutateBytes(chance, [packr.pack(chance.pick(values))]);
}

/** With the checksum of a stranger who knows how, most of the time. */
function framed(chance: Prng, body: Uint8Array): Uint8Array {
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, crc32(body), true);
  return joined(chance.chance(0.95) ? sum : randomBytes(chance, 4), body);
}

const sampleFrames = sampleMessages.map(encodeMessage);

/** A message that the codec lets through, of any kind and with any content. */
export function strangeMessage(chance: Prng): WireMessage {
  return decodeMessage(framed(chance, mutatePacked(chance, plainMessages)));
}

export const wireTargets: readonly FuzzTarget[] = [
  {
    name: 'wire',
    share: 200,
    run: (chance) => {
      const frame = chance.chance(0.1)
        ? mutateBytes(chance, sampleFrames)
        : framed(chance, mutatePacked(chance, plainMessages));
      const message = decodeMessage(frame);
      const again = decodeMessage(encodeMessage(message));
      insist(again.kind === message.kind, 'a message that was taken can be sent again');
      return 'taken';
    },
  },
  {
    name: 'record',
    share: 100,
    run: (chance) => {
      const record = decodeRecord(mutatePacked(chance, plainRecords));
      const bytes = Buffer.from(encodeRecord(record));
      insist(
        bytes.equals(encodeRecord(decodeRecord(bytes))),
        'a record that was taken comes back as it went',
      );
      return 'taken';
    },
  },
  {
    name: 'life-sign',
    share: 30,
    run: (chance) => {
      const word = 'a9'.repeat(16);
      const samples = [heartbeatOf('b1'), Buffer.from(lastWillOf('b1', word))];
      const sign = parseLifeSign(mutateBytes(chance, samples));
      return sign.kind === 'lastWill' && sign.word === word ? 'taken' : 'refused';
    },
  },
  {
    name: 'console',
    share: 30,
    run: (chance) => {
      const bytes = mutateBytes(chance, [new Uint8Array(8), new Uint8Array(20)]);
      const greeting = decodeConsoleGreeting(bytes);
      const output = decodeConsoleOutput(bytes);
      for (const offset of [greeting, output?.offset ?? null]) {
        insist(offset === null || Number.isSafeInteger(offset), 'an offset is a whole number');
      }
      return greeting === null && output === null ? 'refused' : 'taken';
    },
  },
  {
    // A state in pieces, of a peer that does not keep to what it announced.
    name: 'state-transfer',
    share: 20,
    run: (chance) => {
      const stateBytes = chance.pick([0, 1, 4096, 100_000, 2 ** 32, 2 ** 50]);
      const receiver = new StateReceiver({ kind: 'stateBegin', header, stateBytes }, 200_000);
      for (let piece = chance.whole(0, 5); piece > 0; piece -= 1) {
        const offset = chance.pick([0, 4096, stateBytes, chance.whole(0, 200_000), 2 ** 53 - 1]);
        receiver.pages({ kind: 'statePages', offset, data: new Uint8Array(chance.whole(0, 5000)) });
      }
      insist(receiver.end().state.byteLength === stateBytes, 'a state has the size announced');
      return 'taken';
    },
  },
];
