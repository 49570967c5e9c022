import { Alarm, type AlarmQueue } from './alarm-queue.js';
import { CongestionWindow } from './tcp-congestion.js';
import { RetransmissionTimeout } from './tcp-retransmission-timeout.js';
import { SendBuffer } from './tcp-send-buffer.js';
import type { StreamPosition } from './tcp-sequence.js';
import type { TcpSettings } from './tcp-settings.js';

/** Puts a segment on the wire: `bytes` of the stream from `position`; `isFin` when FIN follows them. */
export type EmitSegment = (position: StreamPosition, bytes: number, isFin: boolean) => void;

/** What an acknowledgment was: of nothing we ever sent, old, the same again, or news. */
export type Acknowledgment = 'beyond' | 'old' | 'news';

/** The parts of a segment that concern the sender. `window` is in bytes. */
export interface AckNews {
  readonly acknowledged: StreamPosition;
  readonly at: StreamPosition;
  readonly window: number;
  readonly isBare: boolean;
}

/**
 * The sending half of a connection: what may go out, what has to go out again, and when.
 *
 * Shape:  acknowledged ≤ next ≤ sentTo. After a timeout `next` goes back to `acknowledged` and the
 *         rest follows as the window allows; an acknowledgment jumps over what had arrived after all.
 * Errors: none; `silent` of the owner is asked at every timeout and ends the matter.
 * Source: RFC 9293 §3.8, RFC 6298, RFC 5681.
 */
export class TcpSender {
  readonly buffer = new SendBuffer();
  readonly timeout: RetransmissionTimeout;
  readonly congestion: CongestionWindow;
  retransmitted = 0;
  readonly #alarms: AlarmQueue;
  readonly #alarm: Alarm;
  readonly #emit: EmitSegment;
  #segmentBytes: number;
  #acknowledged: StreamPosition = 0;
  #next: StreamPosition = 0;
  #sentTo: StreamPosition = 0;
  #window = 0;
  #windowMax = 0;
  /** Where the segment stood that last changed the window, and what it acknowledged. */
  #windowAt: StreamPosition = -1;
  #windowAck: StreamPosition = -1;
  #isFinished = false;
  #timedTo: StreamPosition = 0;
  #timedAtMs = -1;

  /** `isGivenUp` is asked at every timeout; it tells the owner's story of a guest that is gone. */
  constructor(
    alarms: AlarmQueue,
    settings: TcpSettings,
    emit: EmitSegment,
    isGivenUp: () => boolean,
  ) {
    this.#alarms = alarms;
    this.#segmentBytes = settings.segmentBytesMax;
    this.timeout = new RetransmissionTimeout(settings);
    this.congestion = new CongestionWindow(this.#segmentBytes);
    this.#emit = emit;
    this.#alarm = new Alarm(alarms, () => {
      if (!isGivenUp()) this.#expired();
    });
  }

  get acknowledged(): StreamPosition {
    return this.#acknowledged;
  }
  get sentTo(): StreamPosition {
    return this.#sentTo;
  }
  /** Where the next new segment stands; the place of a bare acknowledgment, too. */
  get next(): StreamPosition {
    return this.#sentTo;
  }
  get window(): number {
    return this.#window;
  }
  get isFinAcknowledged(): boolean {
    return this.#isFinished && this.#acknowledged > this.buffer.end;
  }
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Sends the SYN, again if need be. */
  synchronize(): void {
    if (this.#sentTo > 0) this.retransmitted += 1;
    this.#next = 1;
    this.#sentTo = 1;
    this.#emit(0, 0, false);
    this.#alarm.set(this.timeout.ms);
  }

  /** The peer's SYN said what it takes. */
  peerKnown(segmentBytes: number, window: number): void {
    this.#segmentBytes = segmentBytes;
    this.#window = window;
    this.#windowMax = window;
    this.congestion.segmentBytesKnown(segmentBytes);
  }

  finish(): void {
    this.#isFinished = true;
  }

  /** Sends what the windows allow; true if that was anything, and so carried an acknowledgment. */
  push(): boolean {
    if (this.#acknowledged === 0) return false;
    let hasSent = false;
    for (let bytes = this.#sendable(); bytes >= 0; bytes = this.#sendable()) {
      this.#send(bytes);
      hasSent = true;
    }
    const isOutstanding = this.#sentTo > this.#acknowledged;
    if (!this.#alarm.isSet && (isOutstanding || this.#isBlocked())) {
      this.#alarm.set(this.timeout.ms);
    }
    return hasSent;
  }

  take(news: AckNews): Acknowledgment {
    const { acknowledged } = news;
    if (acknowledged > this.#sentTo) return 'beyond';
    if (acknowledged < this.#acknowledged) return 'old';
    const wasOutstanding = this.#sentTo > this.#acknowledged;
    const isSame = acknowledged === this.#acknowledged;
    const isDuplicate = isSame && news.isBare && wasOutstanding && news.window === this.#window;
    this.#updateWindow(news);
    if (!isSame) this.#advance(acknowledged);
    else if (isDuplicate) {
      const inFlight = this.#sentTo - acknowledged;
      const verdict = this.congestion.duplicated(acknowledged, this.#sentTo, inFlight);
      if (verdict === 'retransmit') this.#resendFirst();
    }
    return 'news';
  }

  /** The guest is on another host: what is on its way is lost, so send it again, now. */
  moved(): void {
    this.timeout.moved();
    this.#timedAtMs = -1;
    if (this.#acknowledged === 0) {
      if (this.#sentTo > 0) this.synchronize();
      return;
    }
    if (this.#sentTo > this.#acknowledged) {
      this.congestion.moved(this.#sentTo);
      this.#next = this.#acknowledged;
    }
    if (!this.push()) this.probe();
    if (this.#sentTo > this.#acknowledged || this.#isBlocked()) this.#alarm.set(this.timeout.ms);
  }

  /** A segment from before the window, without data: the peer answers with where it stands. */
  probe(): void {
    this.#emit(this.#acknowledged - 1, 0, false);
  }

  /** Nothing will be sent any more. */
  close(): void {
    this.#alarm.close();
    this.buffer.clear();
  }

  /** Bytes of data the next segment would have, 0 for a FIN alone, -1 when it has to wait. */
  #sendable(): number {
    const waiting = this.buffer.end - this.#next;
    if (waiting < 0 || (waiting === 0 && !this.#isFinished)) return -1;
    const window = Math.min(this.#window, Math.floor(this.congestion.bytes));
    const room = this.#acknowledged + window - this.#next;
    if (room <= 0) return -1;
    const bytes = Math.min(waiting, this.#segmentBytes, room);
    // RFC 9293 §3.8.6.2.1: no silly little segments while the rest could follow in larger ones.
    const isSilly =
      this.#next >= this.#sentTo &&
      bytes < waiting &&
      bytes < this.#segmentBytes &&
      (this.#next > this.#acknowledged || bytes < this.#windowMax / 2);
    return isSilly ? -1 : bytes;
  }

  /** Data waits, nothing is on its way that would bring news, and the window is too small. */
  #isBlocked(): boolean {
    const isWaiting = this.buffer.end > this.#next || (this.#isFinished && !this.#isFinSent());
    return isWaiting && this.#sentTo === this.#acknowledged;
  }

  #isFinSent(): boolean {
    return this.#sentTo > this.buffer.end;
  }

  #send(bytes: number): void {
    const position = this.#next;
    const end = position + bytes;
    const room = this.#acknowledged + this.#window - end;
    const isFin = this.#isFinished && end === this.buffer.end && room > 0;
    this.#next = end + (isFin ? 1 : 0);
    if (position < this.#sentTo) this.retransmitted += 1;
    else if (this.#timedAtMs < 0) {
      this.#timedTo = this.#next;
      this.#timedAtMs = this.#alarms.nowMs();
    }
    this.#sentTo = Math.max(this.#sentTo, this.#next);
    this.#emit(position, bytes, isFin);
  }

  #resendFirst(): void {
    const position = this.#acknowledged;
    const bytes = Math.min(this.#segmentBytes, this.buffer.end - position);
    const end = position + Math.max(0, bytes);
    this.#timedAtMs = -1;
    this.retransmitted += 1;
    this.#emit(position, Math.max(0, bytes), this.#isFinSent() && end === this.buffer.end);
  }

  #advance(acknowledged: StreamPosition): void {
    const bytes = acknowledged - this.#acknowledged;
    this.#acknowledged = acknowledged;
    this.#next = Math.max(this.#next, acknowledged);
    this.buffer.acknowledged(acknowledged);
    if (this.#timedAtMs >= 0 && acknowledged >= this.#timedTo) {
      this.timeout.measured(this.#alarms.nowMs() - this.#timedAtMs);
      this.#timedAtMs = -1;
    } else {
      this.timeout.recovered();
    }
    const verdict = this.congestion.advanced(acknowledged, bytes, this.#sentTo - acknowledged);
    if (this.#sentTo > acknowledged) this.#alarm.set(this.timeout.ms);
    else this.#alarm.clear();
    // If `next` went back, what is missing goes out in its turn.
    if (verdict === 'retransmit' && this.#next > acknowledged) this.#resendFirst();
  }

  /** Only a segment that is not older than the last one may change the window (RFC 9293 §3.10.7.4). */
  #updateWindow({ acknowledged, at, window }: AckNews): void {
    const isNewer =
      this.#windowAt < at || (this.#windowAt === at && this.#windowAck <= acknowledged);
    if (!isNewer) return;
    // A window that opens is news that what we backed off for is over.
    if (window > this.#window && this.#isBlocked()) this.#alarm.clear();
    this.#window = window;
    this.#windowMax = Math.max(this.#windowMax, window);
    this.#windowAt = at;
    this.#windowAck = acknowledged;
  }

  #expired(): void {
    this.timeout.backOff();
    this.#timedAtMs = -1;
    if (this.#acknowledged === 0) return this.synchronize();
    if (this.#sentTo > this.#acknowledged) {
      this.congestion.timedOut(this.#sentTo, this.#sentTo - this.#acknowledged);
      this.#next = this.#acknowledged;
      if (!this.push()) this.probe();
    } else if (this.#isBlocked()) {
      // A window that is open but silly is used after all; a closed one is asked about.
      const bytes = Math.min(this.buffer.end - this.#next, this.#segmentBytes, this.#window);
      if (this.#window > 0) this.#send(bytes);
      else this.probe();
    } else {
      return;
    }
    this.#alarm.set(this.timeout.ms);
  }
}
