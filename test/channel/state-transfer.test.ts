import { describe, expect, it } from 'vitest';
import {
  stateBytesMaxOf,
  StateReceiver,
  StateSender,
  StateTransferError,
} from '../../src/channel/state-transfer.js';
import type { WireMessage } from '../../src/channel/wire-message.js';
import type { Snapshot } from '../../src/guest/snapshot.js';
import { snapshotOf } from '../role/settings.js';

const mebibyte = 1024 * 1024;

function snapshotWith(state: Uint8Array): Snapshot {
  return { ...snapshotOf(7), state };
}

/** Sends a snapshot to a receiver that acknowledges at once. */
function transfer(snapshot: Snapshot): { snapshot: Snapshot | null; messages: WireMessage[] } {
  const sender = new StateSender(snapshot);
  let receiver: StateReceiver | null = null;
  let received: Snapshot | null = null;
  const all: WireMessage[] = [];
  for (let next = sender.next(); next.length > 0; next = sender.next()) {
    all.push(...next);
    for (const message of next) {
      if (message.kind === 'stateBegin') receiver = new StateReceiver(message, 1024 * mebibyte);
      if (message.kind === 'statePages') sender.acked(receiver?.pages(message) ?? 0);
      if (message.kind === 'stateEnd') received = receiver?.end() ?? null;
    }
  }
  return { snapshot: received, messages: all };
}

describe('a snapshot in pieces', () => {
  it.each([0, 1, 4095, 4096, 4097, 300_000, 9 * mebibyte])('of %i bytes arrives whole', (bytes) => {
    const state = Uint8Array.from({ length: bytes }, (_, i) => (i * 31) % 251);
    const { snapshot } = transfer(snapshotWith(state));
    expect(Buffer.compare(snapshot?.state ?? Buffer.of(9), state)).toBe(0);
    expect({ ...snapshot, state: null }).toEqual({ ...snapshotOf(7), state: null });
  });

  it('leaves out pages of zeros', () => {
    const state = new Uint8Array(64 * mebibyte);
    state[5 * mebibyte] = 1;
    state[state.length - 1] = 2;
    const { snapshot, messages } = transfer(snapshotWith(state));
    expect(snapshot?.state[5 * mebibyte]).toBe(1);
    expect(snapshot?.state.at(-1)).toBe(2);
    expect(messages.map(({ kind }) => kind)).toEqual([
      'stateBegin',
      'statePages',
      'statePages',
      'stateEnd',
    ]);
  });

  it('stops at its window until acks come, and moves on as they do', () => {
    const sender = new StateSender(snapshotOf(1, 16 * mebibyte));
    sender.next();
    expect(sender.sentBytes).toBeLessThanOrEqual(4.25 * mebibyte);
    expect(sender.next()).toEqual([]);
    sender.acked(mebibyte);
    expect(sender.next().length).toBeGreaterThan(0);
    expect(sender.isDone).toBe(false);
  });

  it('does not move back for an ack that comes late', () => {
    const sender = new StateSender(snapshotOf(1, 16 * mebibyte));
    sender.next();
    sender.acked(4 * mebibyte);
    sender.next();
    sender.acked(mebibyte);
    sender.acked(4 * mebibyte);
    const before = sender.sentBytes;
    expect(sender.next()).toEqual([]);
    expect(sender.sentBytes).toBe(before);
  });
});

describe('a receiver', () => {
  const { state, ...header } = snapshotOf(1);
  const begin = (stateBytes = state.byteLength) =>
    ({ kind: 'stateBegin', header, stateBytes }) as const;

  it('allocates nothing for a state larger than the machine', () => {
    const tooLarge = (): StateReceiver => new StateReceiver(begin(2 ** 50), 2 ** 20);
    expect(tooLarge).toThrow(StateTransferError);
    expect(tooLarge).toThrow('1125899906842624 bytes');
  });

  it.each([
    [0, 4097],
    [4096, 1],
    [2 ** 52, 1],
  ])('takes no pages at %i of %i bytes outside of the state', (offset, bytes) => {
    const receiver = new StateReceiver(begin(4096), 4096);
    const data = new Uint8Array(bytes);
    expect(() => receiver.pages({ kind: 'statePages', offset, data })).toThrow(StateTransferError);
  });

  it('knows how large a state can be from what both agreed the machine is', () => {
    const machine = { memoryMiB: '128', vgaMemoryMiB: '8' };
    expect(stateBytesMaxOf(machine)).toBe((128 + 8 + 128) * mebibyte);
    expect(stateBytesMaxOf({})).toBe(128 * mebibyte);
  });
});
