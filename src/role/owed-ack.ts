import type { Epoch } from '../units.js';

/** How far a backup's guest is. */
interface Progress {
  readonly received: Epoch;
  readonly ran: Epoch;
}

/**
 * The acks a backup owes its primary: at once for records that an output may wait for (§3.2), one for
 * both once they have run for those of an idle guest, and for what has run since, in time.
 */
export class OwedAck {
  #ackedRan: Epoch = 0;
  #isOwed = false;

  /** Records came. Answers whether they are to be acknowledged now. */
  received(isAwaited: boolean): boolean {
    this.#isOwed ||= !isAwaited;
    return isAwaited;
  }
  sent(ran: Epoch): void {
    this.#isOwed = false;
    this.#ackedRan = ran;
  }

  /** An epoch has run: was it the last of those that came? */
  isDueAfterRun({ received, ran }: Progress): boolean {
    return this.#isOwed && ran === received;
  }
  /** Time has passed. */
  isDue({ ran }: Progress): boolean {
    return this.#isOwed || ran > this.#ackedRan;
  }
}
