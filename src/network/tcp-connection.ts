import { Alarm, type AlarmQueue } from './alarm-queue.js';
import { RateLimit } from './rate-limit.js';
import { deaf, type TcpEnd, type TcpHandlers } from './tcp-handlers.js';
import type { TcpOutlet } from './tcp-outlet.js';
import { TcpOwedAck } from './tcp-owed-ack.js';
import { TcpReceiver } from './tcp-receiver.js';
import { TcpSender } from './tcp-sender.js';
import { tcpFlag, type TcpSegment } from './tcp-segment.js';
import { fromWire, toWire, type StreamPosition } from './tcp-sequence.js';
import type { TcpSettings } from './tcp-settings.js';
import type { TcpState } from './tcp-state.js';

/**
 * One TCP connection with the guest.
 *
 * Shape:  segments and the host's calls in; segments and handler calls out, at once, no queue
 *         between. A handler may call any method.
 *
 *         (open)──SYN──▶ synSent ──────────┐                      ┌─FIN─▶ finWait1 ─▶ finWait2 ─┐
 *                                          ├─▶ established ─finish┤           └─▶ closing ──────┼▶ timeWait
 *         accepting ─accept─▶ synReceived ─┘        └─guest's FIN─▶ closeWait ─finish─▶ lastAck ┴▶ closed
 *
 * Source: RFC 9293; RFC 5961 for what a stray or forged segment can do (challenge ACKs).
 */
export class TcpConnection {
  readonly #settings: TcpSettings;
  readonly #alarms: AlarmQueue;
  readonly #outlet: TcpOutlet;
  readonly #initial: number;
  readonly #sender: TcpSender;
  readonly #receiver: TcpReceiver;
  readonly #owedAck: TcpOwedAck;
  readonly #life: Alarm;
  readonly #challenges: RateLimit;
  readonly #openedAtMs: number;
  #handlers: TcpHandlers;
  #state: TcpState = 'closed';
  /** Windows of the guest are in units of 2^this. */
  #guestShift = 0;
  #isScaling = true;
  #isFull = false;
  #isTold = false;
  #heardAtMs: number;

  constructor(
    alarms: AlarmQueue,
    settings: TcpSettings,
    initial: number,
    outlet: TcpOutlet,
    handlers: TcpHandlers,
  ) {
    this.#alarms = alarms;
    this.#settings = settings;
    this.#initial = initial;
    this.#outlet = outlet;
    this.#handlers = handlers;
    this.#openedAtMs = alarms.nowMs();
    this.#heardAtMs = this.#openedAtMs;
    this.#receiver = new TcpReceiver(settings);
    this.#challenges = new RateLimit(alarms, { perSecond: 20, burst: 10 });
    this.#owedAck = new TcpOwedAck(alarms, settings.delayedAckMs, () => this.#emitAck());
    this.#life = new Alarm(alarms, () => this.#lifeExpired());
    this.#sender = new TcpSender(
      alarms,
      settings,
      (position, bytes, isFin) => this.#emit(position, bytes, isFin),
      () => this.#isGivenUp(),
    );
  }

  get state(): TcpState {
    return this.#state;
  }
  /** Host data that the guest has not acknowledged. */
  get sendBufferedBytes(): number {
    return this.#sender.buffer.byteLength;
  }
  /** Guest data that the host has not taken. */
  get receiveBufferedBytes(): number {
    return this.#receiver.unreadBytes;
  }
  get retransmittedCount(): number {
    return this.#sender.retransmitted;
  }
  get roundTripMs(): number | null {
    return this.#sender.timeout.roundTripMs;
  }
  /** The place in the guest's stream a SYN would have to be past to start a new connection. */
  isNewerThanThis(sequence: number): boolean {
    return this.#receiver.positionOf(sequence) >= this.#receiver.next;
  }

  /** Sends a SYN to the guest. */
  connect(): void {
    this.#state = 'synSent';
    this.#sender.synchronize();
  }

  /** Keeps the guest's SYN until the host says `accept` or `abort`. */
  hold(syn: TcpSegment): void {
    this.#state = 'accepting';
    this.#learnFromSyn(syn);
    this.#life.set(this.#settings.connectMsMax);
  }

  accept(): void {
    if (this.#state !== 'accepting') return;
    this.#state = 'synReceived';
    this.#heardAtMs = this.#alarms.nowMs();
    this.#life.clear();
    this.#sender.synchronize();
  }

  /** Takes data for the guest, always; false asks for no more until `drained`. */
  write(data: Uint8Array): boolean {
    if (this.#sender.isFinished || this.#isOver()) return true;
    this.#sender.buffer.append(data);
    this.#push();
    this.#isFull = this.#sender.buffer.byteLength >= this.#settings.sendBufferBytesMax;
    return !this.#isFull;
  }

  /** No more data for the guest: FIN, once everything before it is out. */
  finish(): void {
    if (this.#sender.isFinished || this.#isOver()) return;
    this.#sender.finish();
    if (this.#state === 'established' || this.#state === 'synReceived') this.#state = 'finWait1';
    else if (this.#state === 'closeWait') this.#state = 'lastAck';
    this.#push();
  }

  /** The host has taken `bytes` of what was received. */
  consumed(bytes: number): void {
    if (this.#receiver.consumed(bytes) && !this.#isOver()) this.#emitAck();
  }

  /** Ends it at once, with a RST to the guest. No handler is called any more. */
  abort(): void {
    this.#isTold = true;
    if (this.#state === 'closed') return;
    if (this.#state !== 'timeWait' && this.#receiver.isKnown) {
      this.#transmit(this.#sender.next, 0, tcpFlag.rst | tcpFlag.ack);
    }
    this.#close('reset');
  }

  /** The guest runs on another host now; what was on its way there is lost. */
  guestMoved(): void {
    if (this.#isOver() || this.#state === 'accepting') return;
    this.#sender.moved();
  }

  /** Stops without a word to anybody: the whole stack goes away. */
  discard(): void {
    this.#isTold = true;
    this.#close('reset');
  }

  receive(segment: TcpSegment): void {
    switch (this.#state) {
      case 'closed':
        return;
      case 'accepting':
        // A repeated SYN finds us still waiting for the host.
        if ((segment.flags & tcpFlag.rst) !== 0) this.#close('reset');
        return;
      case 'synSent':
        return this.#receiveInSynSent(segment);
      case 'synReceived':
      case 'established':
      case 'finWait1':
      case 'finWait2':
      case 'closeWait':
      case 'closing':
      case 'lastAck':
      case 'timeWait':
        return this.#receiveSynchronized(segment);
    }
  }

  #isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'timeWait';
  }

  #learnFromSyn(syn: TcpSegment): void {
    this.#isScaling = syn.windowShift !== null;
    this.#guestShift = syn.windowShift ?? 0;
    this.#receiver.start(syn.sequence, this.#isScaling ? this.#settings.windowShift : 0);
    const offered = syn.maximumSegmentBytes ?? SEGMENT_BYTES_DEFAULT;
    const segmentBytes = Math.min(
      this.#settings.segmentBytesMax,
      Math.max(SEGMENT_BYTES_MIN, offered),
    );
    // The window of a SYN is never scaled.
    this.#sender.peerKnown(segmentBytes, syn.window);
  }

  #receiveInSynSent(segment: TcpSegment): void {
    const { flags } = segment;
    const hasAck = (flags & tcpFlag.ack) !== 0;
    const isOurs = fromWire(segment.acknowledgment, this.#initial, 1) === 1;
    if (hasAck && !isOurs) {
      // The guest remembers an older connection here: the RST makes it forget, the next SYN works.
      if ((flags & tcpFlag.rst) === 0) this.#emitResetAt(segment.acknowledgment);
      return;
    }
    if ((flags & tcpFlag.rst) !== 0) {
      if (hasAck) this.#close('refused');
      return;
    }
    if ((flags & tcpFlag.syn) === 0) return;
    this.#learnFromSyn(segment);
    if (!hasAck) {
      // Both said SYN at once.
      this.#state = 'synReceived';
      this.#sender.synchronize();
      return;
    }
    this.#sender.take({ acknowledged: 1, at: 0, window: segment.window, isBare: false });
    this.#established();
    if (!this.#isOver() && !this.#sender.push()) this.#emitAck();
  }

  #established(): void {
    this.#heardAtMs = this.#alarms.nowMs();
    this.#state = this.#sender.isFinished ? 'finWait1' : 'established';
    this.#life.set(this.#settings.keepAliveMs);
    this.#handlers.established();
  }

  #receiveSynchronized(segment: TcpSegment): void {
    const { flags, payload } = segment;
    const at = this.#receiver.positionOf(segment.sequence);
    const isSyn = (flags & tcpFlag.syn) !== 0;
    const isFin = (flags & tcpFlag.fin) !== 0;
    const length = payload.byteLength + (isSyn ? 1 : 0) + (isFin ? 1 : 0);
    if ((flags & tcpFlag.rst) !== 0) return this.#receiveReset(at);
    if (isSyn && at === 0 && this.#sender.acknowledged === 0) return this.#sender.synchronize();
    const isAcceptable = this.#receiver.isAcceptable(at, length);
    // With a closed window a segment at its edge is not taken, but what it acknowledges is.
    const isAtClosedWindow = this.#receiver.isAtClosedWindow(at);
    if (!isAcceptable && !isAtClosedWindow) {
      // Old, or a keep-alive or window probe: say where we stand. Two endpoints that disagree
      // would do so forever, were it not for the limit. A guest that went live elsewhere repeats itself.
      if (length > 0) this.#owedAck.afterBurst();
      else if (this.#challenges.take()) this.#emitAck();
      if (isFin && this.#state === 'timeWait') this.#life.set(this.#settings.timeWaitMs);
      return;
    }
    if (isSyn) {
      if (this.#challenges.take()) this.#emitAck();
      return;
    }
    if ((flags & tcpFlag.ack) === 0) return;
    if (!this.#takeAcknowledgment(segment, at, length)) return;
    if (isAcceptable && length > 0) this.#takeData(at, payload, isFin);
    else if (length > 0) this.#owedAck.urgent();
    if (this.#state !== 'closed') this.#respond();
  }

  #receiveReset(at: StreamPosition): void {
    if (this.#state === 'timeWait') return;
    if (at === this.#receiver.next) this.#close('reset');
    // Inside the window but not at its start: ask whether that was meant (RFC 5961 §3.2).
    else if (this.#receiver.isAcceptable(at, 0) && this.#challenges.take()) this.#emitAck();
  }

  /** False if nothing else of the segment counts. */
  #takeAcknowledgment(segment: TcpSegment, at: StreamPosition, length: number): boolean {
    const sender = this.#sender;
    const acknowledged = fromWire(segment.acknowledgment, this.#initial, sender.acknowledged);
    if (sender.acknowledged === 0 && acknowledged !== 1) {
      this.#emitResetAt(segment.acknowledgment);
      return false;
    }
    const isFirst = sender.acknowledged === 0;
    const window = segment.window << this.#guestShift;
    const result = sender.take({ acknowledged, at, window, isBare: length === 0 });
    if (result === 'beyond') {
      if (this.#challenges.take()) this.#emitAck();
      return false;
    }
    this.#heardAtMs = this.#alarms.nowMs();
    if (isFirst) this.#established();
    if (sender.isFinAcknowledged) this.#finAcknowledged();
    if (this.#isFull && sender.buffer.byteLength * 2 <= this.#settings.sendBufferBytesMax) {
      this.#isFull = false;
      this.#handlers.drained();
    }
    return !this.#isClosed();
  }

  #finAcknowledged(): void {
    if (this.#state === 'finWait1') this.#state = 'finWait2';
    else if (this.#state === 'closing') this.#enterTimeWait();
    else if (this.#state === 'lastAck') this.#close('finished');
  }

  #takeData(at: StreamPosition, payload: Uint8Array, isFin: boolean): void {
    const { ready, isInOrder } = this.#receiver.take(at, payload, isFin);
    this.#owedAck.taken();
    // Anything out of order wants to be known at once: it is how the guest learns of a loss.
    if (!isInOrder || isFin) this.#owedAck.urgent();
    for (const piece of ready) {
      this.#handlers.received(piece);
      if (this.#isClosed()) return;
    }
    if (this.#receiver.isFinished) this.#guestFinished();
  }

  #guestFinished(): void {
    if (this.#state === 'established') this.#state = 'closeWait';
    else if (this.#state === 'finWait1') this.#state = 'closing';
    else if (this.#state === 'finWait2') this.#state = 'timeWait';
    else return;
    this.#owedAck.urgent();
    this.#handlers.guestFinished();
    if (this.#state === 'timeWait') this.#enterTimeWait();
  }

  /** Sends what is due: data if there is any, for it acknowledges too, or else an acknowledgment. */
  #respond(): void {
    if (!this.#push()) this.#owedAck.respond();
  }

  #push(): boolean {
    return !this.#isOver() && this.#sender.push();
  }

  #emit(position: StreamPosition, bytes: number, isFin: boolean): void {
    const isSyn = position === 0 && this.#sender.acknowledged === 0;
    const isLast = position + bytes === this.#sender.buffer.end && bytes > 0;
    const flags =
      (isSyn ? tcpFlag.syn : 0) |
      (this.#receiver.isKnown ? tcpFlag.ack : 0) |
      (isFin ? tcpFlag.fin : 0) |
      (isLast ? tcpFlag.psh : 0);
    this.#transmit(position, bytes, flags);
  }

  #emitAck(): void {
    if (this.#receiver.isKnown) this.#transmit(this.#sender.next, 0, tcpFlag.ack);
  }

  /** A RST where the guest expects our next byte. */
  #emitResetAt(sequence: number): void {
    const position = fromWire(sequence, this.#initial, this.#sender.sentTo);
    this.#transmit(position, 0, tcpFlag.rst);
  }

  #transmit(position: StreamPosition, bytes: number, flags: number): void {
    const isSyn = (flags & tcpFlag.syn) !== 0;
    const hasAck = (flags & tcpFlag.ack) !== 0;
    if (hasAck) this.#owedAck.sent();
    this.#outlet.transmit({
      sequence: toWire(position, this.#initial),
      acknowledgment: hasAck ? this.#receiver.acknowledgment : 0,
      flags,
      window: isSyn ? this.#receiver.synWindowField : this.#receiver.windowField(),
      maximumSegmentBytes: isSyn ? this.#settings.segmentBytesMax : null,
      windowShift: isSyn && this.#isScaling ? this.#settings.windowShift : null,
      buffer: this.#sender.buffer,
      payloadAt: position,
      payloadBytes: bytes,
    });
  }

  /** Both directions are done; late repetitions of the guest's FIN still get an answer. */
  #enterTimeWait(): void {
    this.#state = 'timeWait';
    this.#sender.close();
    this.#receiver.clear();
    this.#life.set(this.#settings.timeWaitMs);
    this.#tell('finished');
  }

  #lifeExpired(): void {
    if (this.#state === 'timeWait') return this.#close('finished');
    if (this.#state === 'accepting') {
      this.#transmit(this.#sender.next, 0, tcpFlag.rst | tcpFlag.ack);
      return this.#close('silent');
    }
    const silentMs = this.#alarms.nowMs() - this.#heardAtMs;
    if (silentMs >= this.#settings.keepAliveMs) {
      if (this.#isGivenUp()) return;
      this.#sender.probe();
    }
    this.#life.set(this.#settings.keepAliveMs);
  }

  /** Asked whenever something was waited for in vain. */
  #isGivenUp(): boolean {
    const isConnecting = this.#sender.acknowledged === 0;
    const sinceMs = isConnecting ? this.#openedAtMs : this.#heardAtMs;
    const { connectMsMax, silenceMsMax } = this.#settings;
    const silentMs = this.#alarms.nowMs() - sinceMs;
    if (silentMs < (isConnecting ? connectMsMax : silenceMsMax)) return false;
    if (this.#receiver.isKnown) this.#transmit(this.#sender.next, 0, tcpFlag.rst | tcpFlag.ack);
    this.#close('silent');
    return true;
  }

  /** Not inlined: a handler in between may have changed the state, which the compiler cannot know. */
  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #close(how: TcpEnd): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#sender.close();
    this.#receiver.clear();
    this.#owedAck.close();
    this.#life.close();
    this.#outlet.removed();
    this.#tell(how);
  }

  #tell(how: TcpEnd): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const handlers = this.#handlers;
    this.#handlers = deaf;
    handlers.closed(how);
  }
}

/** RFC 9293 §3.7.1: what a peer takes that does not say. */
const SEGMENT_BYTES_DEFAULT = 536;
// A guest that asks for one byte at a time would cost us a frame for each.
const SEGMENT_BYTES_MIN = 128;
