import { describe, expect, it } from 'vitest';
import { LiveClock } from '../../src/vcpu/live-clock.js';

/** A clock that went live at host time 1000 and virtual time 50. */
function liveAt50(): { clock: LiveClock; host: { nowMs: number } } {
  const host = { nowMs: 1000 };
  const clock = new LiveClock(() => host.nowMs);
  clock.start(50);
  return { clock, host };
}

describe('the clock of a live vCPU', () => {
  it('goes on from where virtual time stood, at the pace of the host', () => {
    const { clock, host } = liveAt50();
    expect(clock.epochClockMs()).toBe(50);
    host.nowMs += 7;
    expect(clock.epochClockMs()).toBe(57);
  });

  it('never steps back behind the end of the last epoch', () => {
    const { clock, host } = liveAt50();
    clock.epochEnded(50.1, 0);
    expect(clock.epochClockMs()).toBe(50.1);
    host.nowMs -= 5;
    expect(clock.epochClockMs()).toBe(50.1);
  });

  it('lets a halted guest sleep until just past its timer, unless there is work', () => {
    const { clock, host } = liveAt50();
    clock.epochEnded(50, 27);
    expect(clock.waitMs(false)).toBeCloseTo(27.001, 6);
    expect(clock.waitMs(true)).toBeLessThanOrEqual(0);
    host.nowMs += 28;
    expect(clock.waitMs(false)).toBeLessThanOrEqual(0);
  });

  it('does not sleep for a busy guest that ran ahead of the host by a little', () => {
    const { clock } = liveAt50();
    clock.epochEnded(51, 0);
    expect(clock.waitMs(false)).toBe(0);
    clock.epochEnded(60, 0);
    expect(clock.waitMs(false)).toBe(10);
  });

  it('does not let a guest run away that always has work', () => {
    const { clock, host } = liveAt50();
    // Its clock is read so often that it goes twice as fast as the host's.
    for (let epoch = 0; epoch < 1000; epoch += 1) {
      host.nowMs += Math.max(clock.waitMs(true), 0);
      const startMs = clock.epochClockMs();
      clock.epochStarted();
      host.nowMs += 1;
      clock.epochEnded(startMs + 2, 0);
    }
    const hostMs = host.nowMs - 1000;
    expect(clock.epochClockMs() - 50 - hostMs).toBeLessThanOrEqual(4);
  });

  it('rests four times as long as it ran at a share of 20 %, work or not', () => {
    const { clock, host } = liveAt50();
    clock.sharePercent = 20;
    clock.epochStarted();
    host.nowMs += 2;
    clock.epochEnded(50.1, 0);
    expect(clock.waitMs(true)).toBe(8);
    host.nowMs += 8;
    expect(clock.waitMs(true)).toBeLessThanOrEqual(0);
  });

  it('adds up rests too short to sleep for', () => {
    const { clock, host } = liveAt50();
    clock.sharePercent = 80;
    let ranMs = 0;
    while (clock.waitMs(true) <= 0) {
      clock.epochStarted();
      host.nowMs += 0.5;
      ranMs += 0.5;
      clock.epochEnded(50 + ranMs, 0);
    }
    // A quarter of what it ran.
    expect(clock.waitMs(true)).toBeCloseTo(ranMs / 4, 6);
    expect(clock.waitMs(true)).toBeGreaterThanOrEqual(1);
  });
});
