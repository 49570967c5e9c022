import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { Seat } from '../arbiter/seat.js';
import { ExecutionLag } from '../channel/execution-lag.js';
import type { StateSender } from '../channel/state-transfer.js';
import type { Ack } from '../channel/wire-message.js';
import type { Stand } from '../log/log-history.js';
import type { Epoch } from '../units.js';
import { FailureDetector } from './failure-detector.js';
import type { PeerId } from './role-input.js';

/**
 * What the primary knows about one backup.
 *
 * ```
 * awaitingCut ─▶ receivingState ─▶ catchingUp ─▶ required ─▶ inSync
 *  hello came     the state goes    records go,   output      it was told: it may claim the
 *                 over, in pieces   it replays    waits for   next generation, so losing it
 *                                                 its acks    costs us a claim of our own
 * ```
 * Output waits from `required` on, one step before the backup may claim, so that whatever left while
 * nobody waited for it is acknowledged before it can go live.
 */
export class BackupView {
  readonly peer: PeerId;
  readonly identity: ReplicaIdentity;
  readonly seat: Seat;
  readonly heartbeatTo: string;
  /** Writes to the disk wait for its journal, too. */
  readonly keepsJournal: boolean;
  readonly detector: FailureDetector;
  readonly lag = new ExecutionLag();
  readonly joinedAtMs: number;
  state: 'awaitingCut' | 'receivingState' | 'catchingUp' | 'required' | 'inSync' = 'awaitingCut';
  transfer: StateSender | null = null;
  /** The epoch its state was cut at. */
  cutEpoch: Epoch = 0;
  /** The epoch after which it went on with our log, without a state; null if it got one. */
  rejoinedAt: Epoch | null = null;
  /** First record not sent yet. */
  nextEpoch: Epoch = 0;
  /** Every record up to here is in the backup's buffer. */
  acked: Epoch = 0;
  /** It said so itself; before that, `acked` is what we sent it. */
  hasAcked = false;
  /** Every epoch up to here has run there. */
  ran: Epoch = 0;
  /** Every record up to here is in its journal for good; of those without one, every record. */
  durable: Epoch = 0;
  /** In `required`: in sync once this is acknowledged. */
  requiredEpoch: Epoch = 0;
  /**
   * It reads its disk itself: what its guest issues after the epoch, which is what has a greater id,
   * known as soon as the epoch has run.
   */
  ownReads: { readonly afterEpoch: Epoch; afterId: number | null } | null = null;
  /** Of its copy of the disks, what it has asked about. */
  comparedBytes = 0;
  sentAtMs: number;
  readonly #silenceMsMax: number;
  #receivedAtMs: number;
  #ranAtMs: number;
  #durableAtMs: number;

  constructor(
    peer: PeerId,
    who: {
      readonly identity: ReplicaIdentity;
      readonly seat: Seat;
      readonly heartbeatTo: string;
      readonly keepsJournal: boolean;
    },
    silenceMsMax: number,
    nowMs: number,
  ) {
    this.peer = peer;
    this.identity = who.identity;
    this.seat = who.seat;
    this.heartbeatTo = who.heartbeatTo;
    this.keepsJournal = who.keepsJournal;
    this.durable = who.keepsJournal ? 0 : Number.POSITIVE_INFINITY;
    this.detector = new FailureDetector(silenceMsMax, nowMs);
    this.joinedAtMs = nowMs;
    this.sentAtMs = nowMs;
    this.#silenceMsMax = silenceMsMax;
    this.#receivedAtMs = nowMs;
    this.#ranAtMs = nowMs;
    this.#durableAtMs = nowMs;
  }

  /** Output waits for its acks. */
  get isAwaited(): boolean {
    return this.state === 'required' || this.state === 'inSync';
  }
  /** Records go to it. */
  get takesRecords(): boolean {
    return this.isAwaited || this.state === 'catchingUp';
  }

  /** How far its guest is behind ours. */
  lagMs(nowMs: number): number {
    return this.takesRecords ? this.lag.lagMs(nowMs) : 0;
  }

  /** The state of `epoch` goes over; records follow from there. */
  beginTransfer(transfer: StateSender, epoch: Epoch, nowMs: number): void {
    this.state = 'receivingState';
    this.transfer = transfer;
    this.cutEpoch = epoch;
    this.nextEpoch = epoch + 1;
    this.acked = epoch;
    this.ran = epoch;
    this.excuse(nowMs);
  }
  /** It needs no state: it has the machine of an earlier moment, and goes on from there. */
  goOn({ received, ran }: Stand, recorded: Epoch, nowMs: number): void {
    this.state = 'catchingUp';
    this.cutEpoch = received;
    this.nextEpoch = received + 1;
    this.acked = received;
    this.ran = ran;
    this.rejoinedAt = received;
    for (let epoch = ran + 1; epoch <= recorded; epoch += 1) this.lag.recorded(epoch, nowMs);
  }
  endTransfer(recorded: Epoch, nowMs: number): void {
    this.state = 'catchingUp';
    this.transfer = null;
    for (let epoch = this.nextEpoch; epoch <= recorded; epoch += 1) this.lag.recorded(epoch, nowMs);
  }

  /** Takes an ack; answers what is wrong with it, because a peer that claims too much is none of ours. */
  ack({ received, ran, durable }: Ack, nowMs: number): string | null {
    if (!this.takesRecords || received >= this.nextEpoch) {
      return 'it acknowledged records it was not sent';
    }
    if (ran > received) return 'it ran records it has not received';
    if ((durable ?? 0) > received) return 'it kept records it has not received';
    if ((durable !== null) !== this.keepsJournal) return 'its journal came or went';
    if (received > this.acked) this.#receivedAtMs = nowMs;
    if (ran > this.ran) this.#ranAtMs = nowMs;
    this.acked = Math.max(this.acked, received);
    this.hasAcked = true;
    this.ran = Math.max(this.ran, ran);
    if (durable !== null && durable > this.durable) {
      this.#durableAtMs = nowMs;
      this.durable = durable;
    }
    this.lag.ran(this.ran, nowMs);
    return null;
  }

  stateAck(receivedBytes: number, nowMs: number): string | null {
    if (!this.transfer) {
      // The last ones arrive when everything has been sent.
      return this.takesRecords ? null : 'it acknowledged state it was not sent';
    }
    if (receivedBytes > this.transfer.sentBytes) return 'it acknowledged state it was not sent';
    this.transfer.acked(receivedBytes);
    this.#receivedAtMs = nowMs;
    return null;
  }

  /**
   * It is heard and does not get on: its vCPU hangs, or it reads nothing. What it has not taken fills
   * our buffer and stops the guest, so it must not last. To be asked often.
   */
  isStalled(nowMs: number): boolean {
    if (!this.transfer && this.acked >= this.nextEpoch - 1) this.#receivedAtMs = nowMs;
    if (this.ran >= this.acked) this.#ranAtMs = nowMs;
    if (!this.takesRecords || this.durable >= this.acked) this.#durableAtMs = nowMs;
    const sinceMs = Math.min(this.#receivedAtMs, this.#ranAtMs, this.#durableAtMs);
    return nowMs - sinceMs > this.#silenceMsMax * stallPatience;
  }

  /**
   * It has missed three heartbeats on the channel, or left a record without an ack for as long: what
   * the guest says now would wait. Long before it may go live, which takes a whole timeout.
   */
  isMute(nowMs: number): boolean {
    const muteMs = this.#silenceMsMax * mutePart;
    const unacknowledgedMs = this.acked >= this.nextEpoch - 1 ? 0 : nowMs - this.#receivedAtMs;
    return this.detector.channelSilentMs(nowMs) > muteMs || unacknowledgedMs > muteMs;
  }

  /** Why it is as good as dead; null if it is not. To be asked often. */
  whyDead(nowMs: number): string | null {
    if (this.detector.suspects(nowMs)) return 'it has been silent too long';
    return this.isStalled(nowMs) ? 'it does not get on with the log' : null;
  }

  /** We slept: the time it did not get on was ours. */
  excuse(nowMs: number): void {
    this.#receivedAtMs = nowMs;
    this.#ranAtMs = nowMs;
    this.#durableAtMs = nowMs;
  }
}

// 10 s by default. Making a machine of a state takes a backup a second or two on a busy host.
const stallPatience = 20;
// Three of the ten heartbeats in a timeout: one that is late is no news.
const mutePart = 0.3;
