import type { VcpuEvent } from './vcpu.js';

/**
 * What a vCPU has told and its owner does not know yet. The epochs of an idle guest, woken by a timer of
 * its own for nothing that anybody sees, may wait for each other: each message wakes a process here, and
 * another one where they are replayed.
 *
 * Shape:  a record that brings the guest something, and an epoch that put something out, wait for nobody.
 * Units:  milliseconds of the host.
 * Source: FT paper §2.2: what led to no output need not be known to anybody else.
 */
export class ToldEvents {
  #events: VcpuEvent[] = [];
  #isUrgent = false;
  #sinceMs = 0;

  get count(): number {
    return this.#events.length;
  }

  add(event: VcpuEvent, nowMs: number): void {
    if (this.#events.length === 0) this.#sinceMs = nowMs;
    this.#isUrgent ||= !this.#mayWait(event);
    this.#events.push(event);
  }

  /** Whether a live vCPU that is about to sleep for `sleepMs` may do so without a word. */
  mayKeep(sleepMs: number, nowMs: number): boolean {
    return !this.#isUrgent && nowMs + sleepMs - this.#sinceMs <= keptMsMax;
  }

  take(): VcpuEvent[] {
    this.#isUrgent = false;
    return this.#events.splice(0);
  }

  #mayWait(event: VcpuEvent): boolean {
    if (event.kind === 'recorded') return event.record.events.length === 0 && !event.record.cut;
    // Without its record, the owner has that already and waits for the rest.
    return event.kind === 'ran' && event.outputs.length === 0 && this.#events.length > 0;
  }
}

// An idle Linux sleeps 100 ms at most, or 27 with a PIT: two or four epochs to a message. At the death of a primary
// no more than this of its guest's time is lost.
const keptMsMax = 100;
