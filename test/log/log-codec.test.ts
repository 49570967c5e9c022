import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FtvmError } from '../../src/errors.js';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import { crc32 } from '../../src/log/crc32.js';
import { decodeRecord, encodeRecord } from '../../src/log/log-codec.js';
import { recordBytes, type LogRecord } from '../../src/log/log-record.js';

const digest = {
  epoch: 41,
  instructions: 2 ** 40 + 3,
  registers: [0xffffffff, 0, 2, 3, 4, 5, 6, 7],
  instructionPointer: 0xc0100000,
  flags: 0x246,
  processorHash: 0,
  memoryHash: 0x89abcdef,
};
const events: GuestEvent[] = [
  { kind: 'consoleInput', bytes: Uint8Array.of(0x6c, 0x73, 0x0a) },
  { kind: 'keysPressed', scancodes: Uint8Array.of(0x1e, 0x9e) },
  { kind: 'frameReceived', frame: new Uint8Array(60).fill(7) },
  {
    kind: 'diskCompleted',
    requestId: 2 ** 33,
    result: { kind: 'read', data: new Uint8Array(512).fill(9) },
  },
  { kind: 'diskCompleted', requestId: 8, result: { kind: 'written' } },
  { kind: 'diskCompleted', requestId: 9, result: { kind: 'failed' } },
  { kind: 'powerPressed' },
  { kind: 'resetPressed' },
  { kind: 'powerButtonPressed' },
  { kind: 'pausePressed' },
  { kind: 'resumePressed' },
  { kind: 'clockSet', wallClockMs: 1_795_402_599_123 },
];
const record: LogRecord = {
  epoch: 42,
  clockMs: 1234.5678,
  rounds: 9,
  events,
  cut: true,
  before: digest,
};

/** Decoded bytes are Buffers, which compare with nothing but Buffers. */
function bare(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, bare(field)]));
}

describe('a log record as bytes', () => {
  it('comes back as it was, with every kind of event', () => {
    expect(bare(decodeRecord(encodeRecord(record)))).toEqual(record);
  });

  it('comes back without a digest', () => {
    const first: LogRecord = {
      epoch: 1,
      clockMs: 0,
      rounds: 1,
      events: [],
      cut: false,
      before: null,
    };
    expect(decodeRecord(encodeRecord(first))).toEqual(first);
  });

  it('is small when nothing happened, and never larger than flow control reckons', () => {
    const idle = { ...record, events: [] };
    expect(encodeRecord(idle).byteLength).toBeLessThan(80);
    for (const each of [idle, record]) {
      expect(encodeRecord(each).byteLength).toBeLessThanOrEqual(recordBytes(each) + 24);
    }
  });

  it('never turns damaged bytes into anything but a record or a typed error', () => {
    const good = encodeRecord(record);
    let refused = 0;
    for (let bit = 0; bit < good.byteLength * 8; bit++) {
      const bad = Uint8Array.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      try {
        decodeRecord(bad);
      } catch (error) {
        expect(error).toBeInstanceOf(FtvmError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(0);
    for (let length = 0; length < good.byteLength; length++) {
      expect(() => decodeRecord(good.subarray(0, length))).toThrow(FtvmError);
    }
  });
});

it('computes the CRC-32 that everybody knows, in pieces too', () => {
  const text = new TextEncoder().encode('123456789');
  expect(crc32(text)).toBe(0xcbf43926);
  for (let cut = 0; cut <= text.length; cut += 1) {
    expect(crc32(text.subarray(cut), crc32(text.subarray(0, cut)))).toBe(0xcbf43926);
  }
});

it('computes the same CRC-32 as zlib, over bytes of every length and value', () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 77 + (i >> 3)) & 0xff);
  for (let length = 0; length <= bytes.length; length += 1) {
    expect(crc32(bytes.subarray(0, length))).toBe(zlib.crc32(bytes.subarray(0, length)));
  }
});
