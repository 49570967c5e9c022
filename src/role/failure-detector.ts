/**
 * Decides from silence whether a peer is dead.
 *
 * Intuition: silence proves nothing, so a verdict only starts a claim, and the claim keeps us safe
 * (FT paper §2.3). What matters here is to be prompt and not nervous. Two paths are watched: the
 * logging channel, where records, acks and keep-alives flow, and heartbeats beside it.
 *
 * ```
 *                  heartbeats heard      heartbeats silent
 * channel heard    alive                 alive (a firewall eats UDP: reported, not acted on)
 * channel silent   slow, then suspected  suspected
 * ```
 *
 * Units: ms of the host's monotonic clock, passed in.
 */
export class FailureDetector {
  readonly #silenceMsMax: number;
  #channelHeardAtMs: number;
  #heartbeatHeardAtMs: number;
  #askedAtMs: number;

  constructor(silenceMsMax: number, nowMs: number) {
    this.#silenceMsMax = silenceMsMax;
    this.#channelHeardAtMs = nowMs;
    this.#heartbeatHeardAtMs = nowMs;
    this.#askedAtMs = nowMs;
  }

  heardOnChannel(nowMs: number): void {
    this.#channelHeardAtMs = nowMs;
  }
  heardHeartbeat(nowMs: number): void {
    this.#heartbeatHeardAtMs = nowMs;
  }

  /** To be asked often: a long gap between two questions means that we slept, not that they died. */
  suspects(nowMs: number): boolean {
    if (nowMs - this.#askedAtMs > this.#silenceMsMax / 2) {
      this.#channelHeardAtMs = nowMs;
      this.#heartbeatHeardAtMs = nowMs;
    }
    this.#askedAtMs = nowMs;
    const channelMs = nowMs - this.#channelHeardAtMs;
    const heartbeatMs = nowMs - this.#heartbeatHeardAtMs;
    if (channelMs <= this.#silenceMsMax) return false;
    return heartbeatMs > this.#silenceMsMax || channelMs > this.#silenceMsMax * patience;
  }

  /** How long nothing came on the channel. */
  channelSilentMs(nowMs: number): number {
    return nowMs - this.#channelHeardAtMs;
  }

  /** Nothing came over UDP lately, though the peer may well live. */
  heartbeatsMissing(nowMs: number): boolean {
    return nowMs - this.#heartbeatHeardAtMs > this.#silenceMsMax;
  }
}

// A peer whose heartbeats arrive is running: its channel may be congested for a while (a snapshot to
// another backup, a retransmission timeout of TCP), but a channel that stays silent is of no use.
const patience = 3;
