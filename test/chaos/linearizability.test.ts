import { expect, it } from 'vitest';
import type { Operation, RegisterCall, RegisterValue } from '../../src/chaos/history.js';
import { judgeHistory } from '../../src/chaos/linearizability.js';
import { Prng } from '../../src/sim/prng.js';

const get: RegisterCall = { kind: 'get' };
const increment: RegisterCall = { kind: 'increment' };
const set = (value: number): RegisterCall => ({ kind: 'set', value });

/** From and until when, what, and what it answered. */
function op(fromMs: number, untilMs: number, call: RegisterCall, value?: RegisterValue): Operation {
  const answered = call.kind === 'set' ? call.value : (value ?? null);
  const answer = { value: answered, atMs: untilMs };
  return { client: 0, key: 'x', call, invokedAtMs: fromMs, answer };
}
const cutOff = (fromMs: number, call: RegisterCall): Operation => ({
  client: 1,
  key: 'x',
  call,
  invokedAtMs: fromMs,
  answer: null,
});
const verdict = (...operations: Operation[]): string => judgeHistory(operations).kind;

it('a register that was never set holds nothing', () => {
  expect(verdict()).toBe('linearizable');
  expect(verdict(op(0, 1, get, null))).toBe('linearizable');
  expect(verdict(op(0, 1, get, 0))).toBe('impossible');
  expect(verdict(op(0, 1, increment, 1), op(2, 3, get, 1))).toBe('linearizable');
});

it('a read sees the write that was answered before it was asked', () => {
  expect(verdict(op(0, 1, set(7)), op(2, 3, get, 7))).toBe('linearizable');
  expect(verdict(op(0, 1, set(7)), op(2, 3, get, null))).toBe('impossible');
  expect(verdict(op(0, 1, set(7)), op(2, 3, set(8)), op(4, 5, get, 7))).toBe('impossible');
});

it('of what happens at once either order will do, and all readers see the same', () => {
  const [one, other] = [op(0, 10, set(1)), op(0, 10, set(2))];
  expect(verdict(one, other, op(11, 12, get, 1))).toBe('linearizable');
  expect(verdict(one, other, op(11, 12, get, 2))).toBe('linearizable');
  expect(verdict(one, other, op(11, 12, get, 1), op(13, 14, get, 2))).toBe('impossible');
  expect(verdict(one, op(1, 9, get, null), op(2, 3, get, 1))).toBe('linearizable');
  expect(verdict(one, op(2, 3, get, 1), op(4, 5, get, null))).toBe('impossible');
});

it('an increment that was acknowledged counts once', () => {
  const two = [op(0, 1, increment, 1), op(2, 3, increment, 2)];
  expect(verdict(...two, op(4, 5, get, 2))).toBe('linearizable');
  expect(verdict(...two, op(4, 5, get, 1))).toBe('impossible');
  expect(verdict(...two, op(4, 5, increment, 4))).toBe('impossible');
  expect(verdict(op(0, 5, increment, 1), op(1, 6, increment, 1))).toBe('impossible');
});

it('what was cut off happened at some time, or never', () => {
  const lost = cutOff(0, set(9));
  expect(verdict(lost, op(1, 2, get, null))).toBe('linearizable');
  expect(verdict(lost, op(1, 2, get, null), op(3, 4, get, 9))).toBe('linearizable');
  expect(verdict(lost, op(1, 2, get, 9), op(3, 4, get, null))).toBe('impossible');
  expect(verdict(op(0, 1, get, 9), cutOff(2, set(9)))).toBe('impossible');
  const counted = [op(1, 2, increment, 2), op(3, 4, get, 2)];
  expect(verdict(cutOff(0, increment), ...counted)).toBe('linearizable');
  expect(verdict(cutOff(0, increment), op(1, 2, increment, 3))).toBe('impossible');
});

it('says of which key, how far it got, and what does not fit', () => {
  const operations = [op(0, 1, set(7)), { ...op(2, 3, get, null), key: 'y' }, op(4, 5, get, 6)];
  const found = judgeHistory(operations);
  expect(found).toMatchObject({ kind: 'impossible', key: 'x' });
  expect(found.kind === 'impossible' && found.why).toMatch(
    /holds 7.*client 0 get → 6 \(4.0 to 5.0 ms\)/,
  );
});

/** What clients see of a register that is right; each operation happens somewhere in its time. */
function simulated(seed: number, clients: number, count: number): Operation[] {
  const chance = new Prng(seed);
  const free = Array.from({ length: clients }, () => 0);
  const plans = Array.from({ length: count }, (_, i) => {
    const client = chance.whole(0, clients - 1);
    const fromMs = (free[client] ?? 0) + chance.between(0.1, 1);
    const untilMs = fromMs + chance.between(0.1, 10);
    free[client] = untilMs;
    const call = chance.pick([get, increment, set(1000 * (i + 1))]);
    return { client, fromMs, untilMs, call, atMs: chance.between(fromMs, untilMs) };
  });
  let value: RegisterValue = null;
  return [...plans]
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ client, fromMs, untilMs, call }) => {
      if (call.kind === 'set') value = call.value;
      if (call.kind === 'increment') value = (value ?? 0) + 1;
      const answer = chance.chance(0.01) ? null : { value, atMs: untilMs };
      return { client, key: 'x', call, invokedAtMs: fromMs, answer };
    });
}

it('accepts long histories of a register that is right, and quickly', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const judged = judgeHistory(simulated(seed, 6, 700));
    expect(judged, `seed ${seed}`).toEqual({ kind: 'linearizable' });
  }
});

it('finds a read that is older than what was acknowledged before it', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const operations = simulated(seed, 4, 400);
    const endMs = Math.max(...operations.map(({ answer }) => answer?.atMs ?? 0));
    const before = [op(endMs + 1, endMs + 2, set(5)), op(endMs + 3, endMs + 4, set(6))];
    const stale = op(endMs + 5, endMs + 6, get, 5);
    expect(verdict(...operations, ...before, stale), `seed ${seed}`).toBe('impossible');
    const right = op(endMs + 5, endMs + 6, get, 6);
    expect(verdict(...operations, ...before, right), `seed ${seed}`).toBe('linearizable');
  }
});
