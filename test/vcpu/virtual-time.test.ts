import { expect, it } from 'vitest';
import { VirtualTime } from '../../src/vcpu/virtual-time.js';

const startedAt = (clockMs: number, counter: Uint32Array): VirtualTime => {
  const time = new VirtualTime(0);
  time.startEpoch(clockMs, () => counter);
  return time;
};

it('passes with the instructions of the epoch, also where their counter wraps', () => {
  const counter = Uint32Array.of(0xffff_ff00);
  const time = startedAt(7, counter);
  counter[0] = 1_999_744;
  expect(time.nowMs()).toBeCloseTo(8, 9);
});

it('passes for a guest that waits by reading its clock about as fast as for the host', () => {
  const counter = Uint32Array.of(0);
  const time = startedAt(0, counter);
  let readings = 0;
  for (; time.loopTick() < 0.25; readings += 1) counter[0] = (counter[0] ?? 0) + 9;
  // 36 ns of the host for a turn of such a loop; without a price it is 55,555 turns, and 2 ms.
  expect(readings).toBeGreaterThan(6_000);
  expect(readings).toBeLessThan(8_000);
});

it('does not pass by the readings of devices, nor by that which opens a round', () => {
  const time = startedAt(5, Uint32Array.of(0));
  for (let i = 0; i < 1000; i += 1) time.nowMs();
  time.startRound();
  time.loopTick();
  expect(time.nowMs()).toBe(5);
});

it('opens each round as one that has used its time, however often the guest read the clock', () => {
  const time = startedAt(0, Uint32Array.of(0));
  for (let i = 0; i < 100_000; i += 1) time.loopTick();
  time.startRound();
  const openedMs = time.loopTick();
  expect(time.loopTick() - openedMs).toBeGreaterThan(1);
});

it('forgets at a new epoch what readings took in the last', () => {
  const counter = Uint32Array.of(0);
  const time = startedAt(0, counter);
  for (let i = 0; i < 1000; i += 1) time.loopTick();
  time.startEpoch(3, () => counter);
  expect(time.nowMs()).toBe(3);
});
