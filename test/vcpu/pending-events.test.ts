import { describe, expect, it } from 'vitest';
import type { GuestEvent } from '../../src/guest/guest-event.js';
import { PendingEvents } from '../../src/vcpu/pending-events.js';

const ended = (requestId: number): GuestEvent => ({
  kind: 'diskCompleted',
  requestId,
  result: { kind: 'written' },
});
const typed: GuestEvent = { kind: 'consoleInput', bytes: Uint8Array.of(0x61) };

/** With these requests in flight, as the machine would know them. */
function pendingWith(...inFlight: number[]): PendingEvents {
  return new PendingEvents((completed) => inFlight.every((id) => completed.has(id)));
}

describe('events on their way into a record', () => {
  it('keep the order in which they came', () => {
    const pending = pendingWith(1);
    pending.add(typed);
    pending.add(ended(1));
    expect(pending.hasWork).toBe(true);
    expect(pending.take()).toEqual({ events: [typed, ended(1)], cut: false });
    expect(pending.hasWork).toBe(false);
  });

  it('are cut at once when no disk operation is in flight', () => {
    const pending = pendingWith();
    pending.isCutWanted = true;
    expect(pending.hasWork).toBe(true);
    expect(pending.take()).toEqual({ events: [], cut: true });
    expect(pending.take()).toEqual({ events: [], cut: false });
  });

  it('hold the ends of disk operations back until all are there, then cut in that record', () => {
    const pending = pendingWith(1, 2);
    pending.isCutWanted = true;
    pending.add(ended(1));
    pending.add(typed);
    expect(pending.take()).toEqual({ events: [typed], cut: false });
    expect(pending.hasWork).toBe(false);
    pending.add(ended(2));
    expect(pending.take()).toEqual({ events: [ended(1), ended(2)], cut: true });
  });

  it('count an end that came before the cut was wanted', () => {
    const pending = pendingWith(1, 2);
    pending.add(ended(1));
    pending.isCutWanted = true;
    pending.add(ended(2));
    expect(pending.take()).toEqual({ events: [ended(1), ended(2)], cut: true });
  });

  it('keep what the operator does out of a cut: it belongs to the guest that goes on', () => {
    const pending = pendingWith();
    pending.add({ kind: 'powerPressed' });
    pending.add(typed);
    pending.isCutWanted = true;
    expect(pending.take()).toEqual({ events: [typed], cut: true });
    expect(pending.hasWorkWhilePaused).toBe(true);
    expect(pending.take()).toEqual({ events: [{ kind: 'powerPressed' }], cut: false });
    expect(pending.hasWorkWhilePaused).toBe(false);
  });

  it('wait while the guest is paused, all but the operator and a cut', () => {
    const pending = pendingWith();
    pending.add(typed);
    expect(pending.hasWorkWhilePaused).toBe(false);
    pending.add({ kind: 'resumePressed' });
    expect(pending.hasWorkWhilePaused).toBe(true);
    expect(pending.take().events).toEqual([typed, { kind: 'resumePressed' }]);
  });
});
