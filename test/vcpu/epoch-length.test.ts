import { expect, it } from 'vitest';
import { EpochLength } from '../../src/vcpu/epoch-length.js';

const busyFor = (length: EpochLength, msPerRound: number, epochs: number): number[] =>
  Array.from({ length: epochs }, () => {
    const { rounds } = length;
    length.ran(rounds, rounds * msPerRound, true);
    return rounds;
  });

it('grows step by step to what the guest runs in a millisecond', () => {
  expect(busyFor(new EpochLength(), 0.12, 7)).toEqual([1, 2, 4, 8, 8, 8, 8]);
});

it('shrinks at once when the guest turns slow, and is one round at least', () => {
  const length = new EpochLength();
  busyFor(length, 0.1, 6);
  length.ran(8, 20, true);
  expect(length.rounds).toBe(1);
});

it('is bounded for a guest that is too fast to be measured', () => {
  const length = new EpochLength();
  for (let i = 0; i < 10; i += 1) length.ran(length.rounds, 0, true);
  expect(length.rounds).toBe(16);
});

it('learns slowness and no speed from a guest that goes to sleep', () => {
  const length = new EpochLength();
  length.ran(1, 0.01, false);
  expect(length.rounds).toBe(1);
  busyFor(length, 0.1, 5);
  length.ran(1, 0.5, false);
  expect(length.rounds).toBe(2);
});

it('learns nothing from a cut, which runs no round', () => {
  const length = new EpochLength();
  busyFor(length, 0.1, 5);
  const { rounds } = length;
  length.ran(0, 100, true);
  expect(length.rounds).toBe(rounds);
});
