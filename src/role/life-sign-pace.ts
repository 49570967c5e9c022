/**
 * How often a replica says that it lives: ten times in a timeout, and half as often while all is quiet,
 * when what is said mostly wakes two hosts for nothing.
 *
 * Units:  milliseconds.
 * Source: FT paper §2.3. Four heartbeats lost in a row are weather turned into a failure; ten in a
 *         timeout leave room for a GC.
 */
export class LifeSignPace {
  /** A tenth of the timeout. */
  readonly heartbeatMs: number;
  /** The channel may be silent for so long before it stops being quiet: one that is late is no news. */
  readonly quietMsMax: number;

  constructor(failureTimeoutMs: number) {
    this.heartbeatMs = failureTimeoutMs / heartbeatsPerTimeout;
    this.quietMsMax = this.heartbeatMs * quietHeartbeats;
  }

  /** Over UDP. While the channel is heard they only have to be there when it falls silent. */
  heartbeatEveryMs(isQuiet: boolean): number {
    return this.heartbeatMs * (isQuiet ? heardHeartbeats : 1);
  }
  /** On the channel, if nothing else was said there. */
  keepAliveEveryMs(isQuiet: boolean): number {
    return this.heartbeatMs * (isQuiet ? restHeartbeats : 1);
  }
  /** By how much a peer that was silent for `gapMs`, and well, speaks less often than each tenth. */
  spareMs(gapMs: number): number {
    const spareMsMax = this.heartbeatMs * restHeartbeats;
    return Math.min(Math.max(gapMs - this.heartbeatMs, 0), spareMsMax);
  }
  /** How long a replica may rest that has nothing to follow up. */
  get restMsMax(): number {
    return this.keepAliveEveryMs(true);
  }
}

const heartbeatsPerTimeout = 10;
const quietHeartbeats = 3;
const heardHeartbeats = 4;
const restHeartbeats = 2;
