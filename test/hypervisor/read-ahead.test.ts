import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ReadAhead } from '../../src/hypervisor/read-ahead.js';
import { NodeClock } from '../../src/node/node-clock.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class Looks {
  count = 0;
  /** Ends the look that is under way. */
  end: () => void = () => undefined;
  readonly ahead: ReadAhead;

  constructor(isSlow = false) {
    this.ahead = new ReadAhead(new NodeClock(), () => {
      this.count += 1;
      return isSlow ? new Promise<void>((resolve) => (this.end = resolve)) : Promise.resolve();
    });
  }
  /** How often it looks meanwhile. */
  async in(ms: number): Promise<number> {
    const before = this.count;
    await vi.advanceTimersByTimeAsync(ms);
    return this.count - before;
  }
}

it('looks four times a second while the primary writes', async () => {
  const looks = new Looks();
  await looks.in(10_000);
  let count = 0;
  for (let write = 0; write < 20; write += 1) {
    looks.ahead.written();
    count += await looks.in(100);
  }
  expect(count).toBe(8);
});

it('looks ever more seldom while nothing is written, and never stops', async () => {
  const looks = new Looks();
  expect(await looks.in(8_000)).toBe(5);
  await looks.in(8_000);
  expect(await looks.in(80_000)).toBe(10);
});

it('looks soon after a write that comes late in a long pause', async () => {
  const looks = new Looks();
  await looks.in(17_000);
  looks.ahead.written();
  expect(await looks.in(249)).toBe(0);
  expect(await looks.in(1)).toBe(1);
});

it('looks again soon after a look during which something was written', async () => {
  const looks = new Looks(true);
  expect(await looks.in(250)).toBe(1);
  looks.ahead.written();
  expect(await looks.in(10_000)).toBe(0);
  looks.end();
  expect(await looks.in(250)).toBe(1);
});

it('looks no more once it was stopped', async () => {
  const [waiting, looking] = [new Looks(), new Looks(true)];
  waiting.ahead.stop();
  await looking.in(250);
  looking.ahead.stop();
  looking.end();
  for (const { ahead } of [waiting, looking]) ahead.written();
  expect((await waiting.in(20_000)) + (await looking.in(20_000))).toBe(0);
});
