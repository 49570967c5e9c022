import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { KeyboardInput } from '../../src/hypervisor/keyboard-input.js';
import { NodeClock } from '../../src/node/node-clock.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const keyA = '1e9e';

it('presses one key after the other, the first at once', () => {
  const pressed: string[] = [];
  const input = new KeyboardInput(new NodeClock(), (key) =>
    pressed.push(Buffer.from(key).toString('hex')),
  );
  input.push(Buffer.from('aa\x1b[A'));
  expect(pressed).toEqual([keyA]);
  vi.advanceTimersByTime(1000);
  expect(pressed).toEqual([keyA, keyA, 'e048e0c8']);
  input.push(Buffer.from('a'));
  expect(pressed).toHaveLength(4);
});

it('leaves room in the keyboard of a PC: a pasted page takes a while', () => {
  let count = 0;
  const input = new KeyboardInput(new NodeClock(), () => (count += 1));
  input.push(Buffer.alloc(1000, 'a'));
  vi.advanceTimersByTime(1000);
  expect(count).toBeLessThan(100);
  vi.advanceTimersByTime(60_000);
  expect(count).toBe(1000);
});

it('drops what nobody types that far ahead, and all of it when it stops', () => {
  let count = 0;
  const input = new KeyboardInput(new NodeClock(), () => (count += 1));
  for (let page = 0; page < 10; page += 1) input.push(Buffer.alloc(1000, 'a'));
  vi.advanceTimersByTime(1e6);
  expect(count).toBeLessThan(5000);
  const before = count;
  input.push(Buffer.from('aaa'));
  input.stop();
  vi.advanceTimersByTime(1000);
  expect(count).toBe(before + 1);
});
