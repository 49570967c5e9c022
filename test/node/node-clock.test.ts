import { expect, it, vi } from 'vitest';
import { NodeClock } from '../../src/node/node-clock.js';

it('runs forward, and tells the time of day apart from it', () => {
  const clock = new NodeClock();
  const first = clock.nowMs();
  expect(clock.nowMs()).toBeGreaterThanOrEqual(first);
  expect(clock.wallClockMs()).toBeGreaterThan(Date.UTC(2025, 0));
});

it('calls back once, and not at all when cancelled', () => {
  vi.useFakeTimers();
  try {
    const clock = new NodeClock();
    const calls: string[] = [];
    clock.after(10, () => calls.push('first'));
    const cancel = clock.after(10, () => calls.push('cancelled'));
    cancel();
    vi.advanceTimersByTime(9);
    expect(calls).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(calls).toEqual(['first']);
  } finally {
    vi.useRealTimers();
  }
});
