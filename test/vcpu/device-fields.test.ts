import { expect, it } from 'vitest';
import { fieldsOf, setFields } from '../../src/vcpu/device-fields.js';

/** Through JSON, as in a state. */
function copied(from: object, to: object): object {
  setFields(to, JSON.parse(JSON.stringify(fieldsOf(from))) as ReturnType<typeof fieldsOf>);
  return to;
}

class Timer {
  isOn = false;
  ticks = 0;
  latched: number | undefined = undefined;
}

it('carries every number, flag and text, and what JSON has no words for', () => {
  const from = { pit: new Timer(), name: 'a', limit: Infinity, gone: undefined, none: null };
  Object.assign(from.pit, { isOn: true, ticks: NaN });
  const to = { pit: new Timer(), name: '', limit: 0, gone: 1, none: 1 };
  to.pit.latched = 7;
  expect(copied(from, to)).toEqual(from);
  expect(to.pit.latched).toBeUndefined();
});

it('carries small arrays of bytes into the array that is there, whose views others hold', () => {
  const from = { registers: Uint16Array.of(1, 0xffff) };
  const to = { registers: new Uint16Array(2) };
  const view = to.registers;
  copied(from, to);
  expect([...view]).toEqual([1, 0xffff]);
});

it('empties a field that only the copy has, as restoring may leave one', () => {
  const to = { pit: Object.assign(new Timer(), { stray: 3 }) };
  copied({ pit: new Timer() }, to);
  expect(to.pit.stray).toBeUndefined();
});

it('leaves the way to the world alone, and follows no circle', () => {
  const bus = { listeners: 1 };
  const from = { bus, channel: { count: 1, owner: null as object | null } };
  from.channel.owner = from;
  const to = { bus: { listeners: 2 }, channel: { count: 0, owner: null as object | null } };
  to.channel.owner = to;
  copied(from, to);
  expect(to.bus.listeners).toBe(2);
  expect(to.channel.count).toBe(1);
});
