import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TickTimer } from '../../src/hypervisor/tick-timer.js';
import { NodeClock } from '../../src/node/node-clock.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class Driven {
  count = 0;
  isQuiet = true;
  readonly timer: TickTimer;

  constructor(failureTimeoutMs = 500) {
    this.timer = new TickTimer(new NodeClock(), failureTimeoutMs, {
      tick: () => (this.count += 1),
      isQuiet: () => this.isQuiet,
    });
    this.timer.start();
  }
  /** How many ticks there are meanwhile. */
  pass(ms: number): number {
    const before = this.count;
    vi.advanceTimersByTime(ms);
    return this.count - before;
  }
  /** An input, and the turn in which it comes. */
  feed(isQuiet = true): number {
    this.isQuiet = isQuiet;
    this.timer.fed();
    return this.pass(1);
  }
}

it('ticks each 5 ms while something is to be followed up', () => {
  const driven = new Driven();
  driven.isQuiet = false;
  expect(driven.pass(100)).toBe(20);
});

it('ticks each 120 ms at rest', () => {
  const driven = new Driven();
  driven.pass(5);
  expect(driven.pass(1200)).toBe(10);
});

it('ticks with the inputs of an idle guest, and never by the timer in between', () => {
  const driven = new Driven();
  driven.pass(5);
  driven.pass(70);
  expect(driven.feed()).toBe(1);
  for (let message = 0; message < 5; message += 1) {
    expect(driven.pass(109)).toBe(0);
    expect(driven.feed()).toBe(1);
  }
});

it('does not tick with inputs that come soon after a tick', () => {
  const driven = new Driven();
  driven.pass(5);
  let ticks = 0;
  for (let input = 0; input < 40; input += 1) ticks += driven.feed();
  expect(ticks).toBe(0);
});

it('comes back from a rest within 5 ms', () => {
  const driven = new Driven();
  driven.pass(5);
  expect(driven.feed(false)).toBe(0);
  expect(driven.pass(5)).toBe(1);
  expect(driven.pass(50)).toBe(10);
});

it('goes on to rest after what was over before the next tick', () => {
  const driven = new Driven();
  driven.pass(5);
  driven.feed(false);
  driven.feed(true);
  expect(driven.pass(100)).toBe(0);
  expect(driven.pass(20)).toBe(1);
});

it('rests no longer than fits what a peer may be silent', () => {
  const driven = new Driven(200);
  driven.pass(5);
  expect(driven.pass(480)).toBe(10);
});

it('rests no longer for a long failure timeout', () => {
  const driven = new Driven(60_000);
  driven.pass(5);
  expect(driven.pass(1200)).toBe(10);
});

it('ticks no more once it was stopped', () => {
  const driven = new Driven();
  driven.pass(5);
  driven.timer.fed();
  driven.timer.stop();
  driven.timer.fed();
  expect(driven.pass(1000)).toBe(0);
});
