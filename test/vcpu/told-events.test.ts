import { expect, it } from 'vitest';
import { ToldEvents } from '../../src/vcpu/told-events.js';
import type { VcpuEvent } from '../../src/vcpu/vcpu.js';
import { bytesOf, consoleOf, digestOf, recordOf } from '../role/settings.js';

const recorded = (epoch: number): VcpuEvent => ({ kind: 'recorded', record: recordOf(epoch) });
const ran = (epoch: number, outputs: Extract<VcpuEvent, { kind: 'ran' }>['outputs'] = []) =>
  ({ kind: 'ran', epoch, outputs, after: digestOf(epoch) }) as const;
const idleMs = 27;

/** Whether it may keep them at `nowMs`, told at 0. */
function mayKeep(events: readonly VcpuEvent[], nowMs = 0, sleepMs = idleMs): boolean {
  const told = new ToldEvents();
  for (const event of events) told.add(event, 0);
  return told.mayKeep(sleepMs, nowMs);
}

it('keeps the epochs of an idle guest for the fourth one', () => {
  const epochs = [recorded(1), ran(1)];
  expect(mayKeep(epochs)).toBe(true);
  epochs.push(recorded(2), ran(2));
  expect(mayKeep(epochs, idleMs)).toBe(true);
  epochs.push(recorded(3), ran(3));
  expect(mayKeep(epochs, 2 * idleMs)).toBe(true);
  epochs.push(recorded(4), ran(4));
  expect(mayKeep(epochs, 3 * idleMs)).toBe(false);
});

it('keeps nothing for long', () => {
  expect(mayKeep([recorded(1), ran(1)], 0, Infinity)).toBe(false);
  expect(mayKeep([recorded(1), ran(1)], 0, 101)).toBe(false);
  expect(mayKeep([recorded(1), ran(1)], 20, 81)).toBe(false);
});

it('keeps no output and nothing that came from outside', () => {
  const typed = recordOf(1, [{ kind: 'consoleInput', bytes: bytesOf('a') }]);
  expect(mayKeep([{ kind: 'recorded', record: typed }, ran(1)])).toBe(false);
  expect(mayKeep([recorded(1), ran(1, [consoleOf('a')])])).toBe(false);
});

it('keeps no cut, and no epoch whose record is with its owner', () => {
  expect(mayKeep([{ kind: 'recorded', record: { ...recordOf(1), cut: true } }])).toBe(false);
  expect(mayKeep([ran(1)])).toBe(false);
  expect(mayKeep([{ kind: 'wentLive', lastEpoch: 1 }])).toBe(false);
  expect(mayKeep([recorded(1), { kind: 'crashed', epoch: 1, reason: 'x' }])).toBe(false);
});

it('gives all in order, and begins anew', () => {
  const told = new ToldEvents();
  told.add(recorded(1), 0);
  told.add(ran(1, [consoleOf('a')]), 0);
  expect(told.count).toBe(2);
  expect(told.take().map(({ kind }) => kind)).toEqual(['recorded', 'ran']);
  told.add(recorded(2), 100);
  expect(told.mayKeep(idleMs, 100)).toBe(true);
});
