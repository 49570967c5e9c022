// What an epoch should take: input waits for its end, and every epoch costs a record and its way.
const targetMs = 1;
// Bounds what a guest that turns slow all of a sudden can make of it.
const roundsMax = 16;

/**
 * How many rounds the next epoch of a live vCPU may run, from how long the last ones took.
 *
 * Shape:  grows twofold at most from one epoch to the next, shrinks at once.
 * Units:  rounds of v86's main loop, milliseconds of the host.
 */
export class EpochLength {
  #rounds = 1;

  get rounds(): number {
    return this.#rounds;
  }

  /** An epoch of `rounds` took `tookMs`. One in which the guest went to sleep tells only of slowness. */
  ran(rounds: number, tookMs: number, isBusy: boolean): void {
    if (rounds === 0) return;
    const fitting = Math.floor((targetMs * rounds) / Math.max(tookMs, targetMs / roundsMax));
    if (fitting < this.#rounds) this.#rounds = Math.max(1, fitting);
    else if (isBusy) this.#rounds = Math.min(2 * this.#rounds, fitting, roundsMax);
  }
}
