import { expect, it } from 'vitest';
import { keysOf } from '../../src/guest/keyboard-layout.js';

const hex = (typed: string): string[] =>
  keysOf(Buffer.from(typed, 'latin1')).map((key) => Buffer.from(key).toString('hex'));

it.each([
  ['a letter', 'a', ['1e9e']],
  ['a capital: with Shift held', 'A', ['2a1e9eaa']],
  ['a sign above a digit', '!', ['2a0282aa']],
  ['what is beside Enter', `'"`, ['28a8', '2a28a8aa']],
  ['Enter, as either of its characters', '\r\n', ['1c9c', '1c9c']],
  ['Tab and Backspace', '\t\x7f\b', ['0f8f', '0e8e', '0e8e']],
  ['Ctrl-C and Ctrl-\\', '\x03\x1c', ['1d2eae9d', '1d2bab9d']],
  ['an arrow, in both ways terminals send it', '\x1b[A\x1bOA', ['e048e0c8', 'e048e0c8']],
  ['Delete, then a letter', '\x1b[3~x', ['e053e0d3', '2dad']],
  ['F1, F10 and F12', '\x1bOP\x1b[21~\x1b[24~', ['3bbb', '44c4', '58d8']],
  ['the Escape key, twice', '\x1b\x1b', ['0181', '0181']],
  ['Alt and a letter', '\x1bf', ['3821a1b8']],
  ['what no key is for', '\x1b[99~\xe4\x00z', ['2cac']],
])('presses the keys for %s', (_what, typed, keys) => {
  expect(hex(typed)).toEqual(keys);
});

it('has a key for every printable character, and none for two', () => {
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
  const pressed = printable.map((char) => hex(char).join());
  expect(pressed.filter((keys) => keys === '')).toEqual([]);
  expect(new Set(pressed).size).toBe(95);
});
