import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, WireFormatError } from '../../src/channel/wire-codec.js';
import type { WireMessage } from '../../src/channel/wire-message.js';
import { FtvmError } from '../../src/errors.js';
import { crc32 } from '../../src/log/crc32.js';
import {
  bytesOf,
  helloOf,
  identityOf,
  plain,
  recordOf,
  snapshotOf,
  standOf,
} from '../role/settings.js';

const { state, ...header } = snapshotOf(9);
const messages: readonly WireMessage[] = [
  helloOf('b'),
  { ...helloOf('b'), stand: standOf(7) },
  {
    kind: 'welcome',
    identity: identityOf('p'),
    generation: 3,
    heartbeatTo: 'p:2',
    willWord: 'w',
    lineage: { liveSince: 3, before: [{ liveSince: 1, through: 99 }] },
    redundancy: { backups: 2, commit: 'all' },
    seat: '1.1',
  },
  { kind: 'refusal', code: 'FTVM_X', why: 'why', remedy: 'remedy' },
  { kind: 'stateBegin', header, stateBytes: state.byteLength },
  { kind: 'statePages', offset: 2 ** 33, data: state.subarray(0, 100) },
  { kind: 'stateEnd' },
  { kind: 'stateAck', receivedBytes: 2 ** 40 },
  {
    kind: 'records',
    records: [
      recordOf(1),
      recordOf(2, [
        { kind: 'consoleInput', bytes: bytesOf('ls\n') },
        { kind: 'diskCompleted', requestId: 4, result: { kind: 'read', data: bytesOf('disk') } },
      ]),
    ],
    released: 1,
    consoleReleased: 77,
    isAwaited: true,
  },
  { kind: 'ack', received: 2 ** 50, ran: 0, durable: null },
  { kind: 'inSync', generation: 2 },
  { kind: 'diverged', epoch: 8, difference: 'eax: 0x0 here, 0x1 there' },
  { kind: 'handOver' },
  { kind: 'ready' },
  { kind: 'keepAlive' },
  { kind: 'goodbye', end: { kind: 'poweredOff', epoch: 4 } },
  { kind: 'goodbye', end: { kind: 'crashed', epoch: 4, reason: 'triple fault' } },
  { kind: 'goodbye', end: { kind: 'leaving' } },
];

it.each(messages)('$kind comes back as it went', (message) => {
  expect(plain(decodeMessage(encodeMessage(message)))).toEqual(plain(message));
});

it('frames of a record are copied once, into a message that is as large as they are', () => {
  const frames = Array.from({ length: 300 }, (_, i) => new Uint8Array(1514).fill(i));
  const record = recordOf(
    1,
    frames.map((frame) => ({ kind: 'frameReceived', frame })),
  );
  const message = {
    kind: 'records',
    records: [record],
    released: 0,
    consoleReleased: 0,
    isAwaited: true,
  } as const;
  const { buffer, byteLength } = encodeMessage(message);
  expect(byteLength).toBeGreaterThan(300 * 1514);
  expect(buffer.byteLength).toBeLessThan(byteLength * 1.02);
});

const packr = new Packr({ useRecords: false, useBigIntExtension: true });

/** What a stranger could send who knows the checksum. */
function frameOf(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + body.byteLength);
  frame.set(body, 4);
  new DataView(frame.buffer).setUint32(0, crc32(body), true);
  return frame;
}
const packed = (value: unknown): Uint8Array => frameOf(packr.pack(value));

/** What decoding throws, by name; null for nothing. */
function failureOf(frame: Uint8Array): unknown {
  try {
    decodeMessage(frame);
    return null;
  } catch (error) {
    return error;
  }
}

describe('what is no message of ours is a typed error', () => {
  it.each([0, 1, 4])('%i bytes', (bytes) => {
    expect(failureOf(new Uint8Array(bytes))).toBeInstanceOf(WireFormatError);
  });

  it('a flipped bit', () => {
    const frame = encodeMessage({ kind: 'keepAlive' });
    frame[6] = (frame[6] ?? 0) ^ 1;
    expect(failureOf(frame)).toMatchObject({ code: 'FTVM_WIRE_FORMAT' });
  });

  it('a flipped bit in data, which would make a wrong machine', () => {
    const data = new Uint8Array(100);
    const frame = encodeMessage({ kind: 'statePages', offset: 0, data });
    frame[frame.length - 1] = 1;
    expect(failureOf(frame)).toBeInstanceOf(WireFormatError);
  });

  it.each([
    ['a number', 7],
    ['nothing', null],
    ['a list', [1]],
    ['an unknown kind', { kind: 'hack' }],
    ['a kind every object has', { kind: 'constructor' }],
    ['another of them', { kind: '__proto__' }],
    ['and another', { kind: 'toString' }],
    ['no kind', {}],
    ['a kind that is a big number', { kind: 2n ** 70n }],
    ['a missing field', { kind: 'ack', received: 1 }],
    ['a negative number', { kind: 'ack', received: -1, ran: 0 }],
    ['a fraction', { kind: 'ack', received: 0.5, ran: 0 }],
    ['a number past 2^53', { kind: 'ack', received: 2 ** 60, ran: 0 }],
    ['not a number', { kind: 'ack', received: NaN, ran: 0 }],
    ['text for bytes', { kind: 'statePages', offset: 0, data: 'text' }],
    [
      'a record that is none',
      {
        kind: 'records',
        records: [bytesOf('x')],
        released: 0,
        consoleReleased: 0,
        isAwaited: true,
      },
    ],
    [
      'records that are no list',
      { kind: 'records', records: 'x', released: 0, consoleReleased: 0, isAwaited: true },
    ],
    ['an end of another kind', { kind: 'goodbye', end: { kind: 'constructor' } }],
    ['no end', { kind: 'goodbye', end: null }],
    ['a text without end', { kind: 'refusal', code: 'x', why: 'x'.repeat(70_000), remedy: '' }],
    ['a machine of numbers', { ...helloOf('b'), machine: { memoryMiB: 1 } }],
    ['a machine that is a list', { ...helloOf('b'), machine: ['x'] }],
    [
      'a header without its clock',
      { kind: 'stateBegin', stateBytes: 1, header: { ...header, clockMs: Infinity } },
    ],
  ])('%s', (_what, value) => {
    const failure = failureOf(packed(value));
    expect(failure).toBeInstanceOf(FtvmError);
  });

  it.each([
    ['a list', [0xdd]],
    ['a map', [0xdf]],
    ['bytes', [0xc6]],
    ['a text', [0xdb]],
  ])('%s that declares 4 billion entries, of which nothing is allocated', (_what, head) => {
    const before = process.memoryUsage().rss;
    const declared = [...head, 0xff, 0xff, 0xff, 0xff];
    const nested = Array.from({ length: 100 }, () => declared).flat();
    expect(failureOf(frameOf(Uint8Array.from(declared)))).toBeInstanceOf(WireFormatError);
    expect(failureOf(frameOf(Uint8Array.from(nested)))).toBeInstanceOf(WireFormatError);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
  });

  it('lists in lists, a hundred thousand deep', () => {
    expect(failureOf(frameOf(new Uint8Array(100_000).fill(0x91)))).toBeInstanceOf(WireFormatError);
  });
});

describe('damage of any kind', () => {
  /** A small generator of our own, so that a failure can be had again (mulberry32). */
  function chanceOf(seed: number): (below: number) => number {
    let at = seed;
    return (below) => {
      at = (at + 0x6d2b79f5) | 0;
      let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
    };
  }

  function damaged(body: Uint8Array, chance: (below: number) => number): Uint8Array {
    const bytes = [...body];
    for (let edits = 1 + chance(4); edits > 0; edits -= 1) {
      const at = chance(Math.max(1, bytes.length));
      switch (chance(5)) {
        case 0:
          bytes[at] = chance(256);
          break;
        case 1:
          bytes[at] = (bytes[at] ?? 0) ^ (1 << chance(8));
          break;
        case 2:
          bytes.splice(at, 1 + chance(8));
          break;
        case 3:
          bytes.splice(at, 0, 0xc0 + chance(64), chance(256), chance(256));
          break;
        default:
          bytes.length = at;
      }
    }
    return Uint8Array.from(bytes);
  }

  it.each(messages.map((message, i) => [message.kind, i] as const))(
    '%s, seed %i: a message or a typed error, never anything else',
    (_kind, seed) => {
      const message = messages[seed];
      if (!message) throw new Error('no such message');
      const body = encodeMessage(message).subarray(4);
      const chance = chanceOf(seed + 1);
      for (let i = 0; i < 1000; i += 1) {
        const bytes = damaged(body, chance);
        const failure = failureOf(frameOf(bytes));
        const isFine = failure === null || failure instanceof FtvmError;
        expect(isFine, `seed ${seed + 1}, case ${i}: ${String(failure)}`).toBe(true);
      }
    },
  );
});
