import { expect, it } from 'vitest';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import type { GuestOutput } from '../../src/guest/guest-output.js';
import type { LogRecord } from '../../src/log/log-record.js';
import { Parcel } from '../../src/vcpu/parcel.js';

const image = Uint8Array.from({ length: 4096 }, (_, i) => i);
const events: GuestEvent[] = [
  { kind: 'frameReceived', frame: image.subarray(10, 70) },
  { kind: 'keysPressed', scancodes: Uint8Array.of(0x1e) },
  { kind: 'powerPressed' },
  {
    kind: 'diskCompleted',
    requestId: 4,
    result: { kind: 'read', data: image.subarray(512, 1024) },
  },
  { kind: 'diskCompleted', requestId: 5, result: { kind: 'written' } },
  { kind: 'consoleInput', bytes: Uint8Array.of(0x61) },
];
const outputs: GuestOutput[] = [
  { kind: 'frameSent', frame: image.subarray(0, 64) },
  { kind: 'reboot' },
  { kind: 'consoleBytes', bytes: Uint8Array.of(1, 2), offset: 7 },
];

/** As the other thread gets it; the bytes of one buffer, no more than were asked for, travel. */
function sent<Contents>({ packed, transfer }: { packed: Contents; transfer: ArrayBuffer[] }): {
  contents: Contents;
  bytes: number;
} {
  const bytes = transfer.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const contents = structuredClone(packed, { transfer });
  expect(transfer.every(({ byteLength }) => byteLength === 0)).toBe(true);
  return { contents, bytes };
}

it('carries events in one buffer of just their bytes, and leaves the originals alone', () => {
  expect(sent(Parcel.packEvents(events))).toEqual({ contents: events, bytes: 60 + 1 + 512 + 1 });
  expect(image.byteLength).toBe(4096);
});

it('carries the records of a log', () => {
  const record = (epoch: number, of: GuestEvent[]): LogRecord => {
    return { epoch, clockMs: epoch, rounds: 1, cut: false, events: of, before: null };
  };
  const records = [record(1, events), record(2, []), record(3, events)];
  expect(sent(Parcel.packRecords(records))).toEqual({ contents: records, bytes: 2 * 574 });
});

it('carries the outputs of several epochs', () => {
  const lists = [outputs, [], outputs];
  expect(sent(Parcel.packOutputs(lists))).toEqual({ contents: lists, bytes: 2 * 66 });
});

it('has nothing to transfer where there are no bytes', () => {
  expect(Parcel.packEvents([{ kind: 'resetPressed' }]).transfer).toEqual([]);
});
