import { isOperatorEvent, type GuestEvent, type OperatorEvent } from '../guest/guest-event.js';

/**
 * Events injected and not yet in a record, in the order they came.
 *
 * While a cut is wanted, ends of disk operations are held back until they are all there: right after
 * they are applied, and before the guest runs on to start new ones, none is in flight. v86 keeps an
 * operation in flight in closures, which no state file can hold.
 *
 * What the operator does stays out of a cut: it belongs to the guest that goes on, here and elsewhere.
 * Bounded by who injects (injected-events.ts).
 */
export class PendingEvents {
  isCutWanted = false;
  readonly #isQuietAfter: (completed: ReadonlySet<number>) => boolean;
  #events: GuestEvent[] = [];
  #operatorEvents: OperatorEvent[] = [];
  #heldCompletions: GuestEvent[] = [];
  #heldIds = new Set<number>();

  constructor(isQuietAfter: (completed: ReadonlySet<number>) => boolean) {
    this.#isQuietAfter = isQuietAfter;
  }

  add(event: GuestEvent): void {
    if (isOperatorEvent(event)) this.#operatorEvents.push(event);
    else if (event.kind === 'diskCompleted' && this.isCutWanted) {
      this.#heldCompletions.push(event);
      this.#heldIds.add(event.requestId);
    } else {
      this.#events.push(event);
    }
  }

  /** True if the next epoch should not wait for the guest's timers. */
  get hasWork(): boolean {
    return this.#events.length > 0 || this.hasWorkWhilePaused;
  }
  /** What a paused guest does not wait with: the operator, and a backup that joins. */
  get hasWorkWhilePaused(): boolean {
    return this.#operatorEvents.length > 0 || this.#isCutDue;
  }

  /** What goes into the next record. */
  take(): { events: readonly GuestEvent[]; cut: boolean } {
    const cut = this.#isCutDue;
    const events = this.#events;
    this.#events = [];
    if (!cut) {
      events.push(...this.#operatorEvents.splice(0));
      return { events, cut };
    }
    events.push(...this.#heldCompletions);
    this.#heldCompletions = [];
    this.#heldIds.clear();
    this.isCutWanted = false;
    return { events, cut };
  }

  get #isCutDue(): boolean {
    if (!this.isCutWanted) return false;
    const completed = new Set(this.#heldIds);
    for (const event of this.#events) {
      if (event.kind === 'diskCompleted') completed.add(event.requestId);
    }
    return this.#isQuietAfter(completed);
  }
}
