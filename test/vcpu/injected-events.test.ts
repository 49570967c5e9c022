import { expect, it } from 'vitest';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import { InjectedEvents } from '../../src/vcpu/injected-events.js';

const frame = (first: number): GuestEvent => ({
  kind: 'frameReceived',
  frame: Uint8Array.of(first, 2, 3),
});
const typed: GuestEvent = { kind: 'consoleInput', bytes: Uint8Array.of(0x61) };

it('gives a record the very events its numbers name', () => {
  const injected = new InjectedEvents();
  const events = [frame(1), typed, frame(2)];
  for (const event of events) injected.add(event);
  expect(injected.recorded([0, 2])).toEqual([events[0], events[2]]);
  expect(injected.recorded([1])[0]).toBe(typed);
});

it('takes an event into one record only', () => {
  const injected = new InjectedEvents();
  injected.add(typed);
  injected.recorded([0]);
  expect(() => injected.recorded([0])).toThrow(/event 0/);
});

it('hands out for sending what came since the last time, in order', () => {
  const injected = new InjectedEvents();
  injected.add(frame(1));
  injected.add(typed);
  expect(injected.takeUnsent()).toEqual([frame(1), typed]);
  injected.add(frame(2));
  expect(injected.takeUnsent()).toEqual([frame(2)]);
});

it('drops frames while 512 of them are in no record, and nothing else', () => {
  const injected = new InjectedEvents();
  for (let i = 0; i < 512; i += 1) expect(injected.add(frame(1))).toBe(true);
  expect(injected.add(frame(1))).toBe(false);
  expect(injected.add(typed)).toBe(true);
  injected.recorded([0]);
  expect(injected.add(frame(1))).toBe(true);
  // What was dropped has no number.
  expect(injected.recorded([512, 513])).toEqual([typed, frame(1)]);
});

it('drops what is typed to a guest that reads nothing for long', () => {
  const injected = new InjectedEvents();
  const page: GuestEvent = { kind: 'consoleInput', bytes: new Uint8Array(1024) };
  for (let i = 0; i < 64; i += 1) expect(injected.add(page)).toBe(true);
  expect(injected.add(typed)).toBe(false);
  expect(injected.add(frame(1))).toBe(true);
  injected.recorded([0]);
  expect(injected.add(typed)).toBe(true);
});
