import { LifeSignPace } from './life-sign-pace.js';

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
 * A peer that spoke seldom, having nothing to say, is waited for as much longer: a stall of the same
 * length is survived by both.
 *
 * Units: ms of the host's monotonic clock, passed in.
 */
export class FailureDetector {
  readonly #silenceMsMax: number;
  readonly #pace: LifeSignPace;
  #channelHeardAtMs: number;
  #hasHeard = false;
  /** The longest between two signs on the channel lately. */
  #gapMs = 0;
  #heartbeatHeardAtMs: number;
  #askedAtMs: number;

  constructor(silenceMsMax: number, nowMs: number) {
    this.#silenceMsMax = silenceMsMax;
    this.#pace = new LifeSignPace(silenceMsMax);
    this.#channelHeardAtMs = nowMs;
    this.#heartbeatHeardAtMs = nowMs;
    this.#askedAtMs = nowMs;
  }

  heardOnChannel(nowMs: number): void {
    const gapMs = nowMs - this.#channelHeardAtMs;
    if (this.#hasHeard) this.#gapMs = Math.max(gapMs, this.#gapMs * fading);
    this.#hasHeard = true;
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
    if (channelMs <= this.#silenceMsMax + this.#pace.spareMs(this.#gapMs)) return false;
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
// A quiet peer has something to say now and then, two signs close together; a busy one is known in 20.
const fading = 0.95;
