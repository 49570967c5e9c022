import { Alarm, type AlarmQueue } from './alarm-queue.js';

/**
 * The acknowledgment one connection owes the guest: at once, with others of a burst, or a little later.
 *
 * Shape:  told what was taken and what was sent; `emit` sends one that stands alone.
 * Source: RFC 9293 §3.8.6.3; RFC 5681 §4.2.
 */
export class TcpOwedAck {
  readonly #delayMs: number;
  readonly #emit: () => void;
  readonly #alarm: Alarm;
  /** Segments with data since our last acknowledgment. */
  #segments = 0;
  #isUrgent = false;

  constructor(alarms: AlarmQueue, delayMs: number, emit: () => void) {
    this.#delayMs = delayMs;
    this.#emit = emit;
    this.#alarm = new Alarm(alarms, emit);
  }

  /** A segment with data was taken. */
  taken(): void {
    this.#segments += 1;
  }
  /** The next answer is to have one. */
  urgent(): void {
    this.#isUrgent = true;
  }
  /** One for all that is on its way here in the same burst. */
  afterBurst(): void {
    this.#alarm.set(0);
  }
  /** A segment that acknowledges has left. */
  sent(): void {
    this.#segments = 0;
    this.#isUrgent = false;
    this.#alarm.clear();
  }

  /** There is no data to send, which would have acknowledged too. */
  respond(): void {
    if (this.#isUrgent || this.#segments >= SEGMENTS_PER_ACK_MAX) this.#emit();
    // More of a burst is there already, as a rule: one acknowledgment for what came together.
    else if (this.#segments === 2) this.#alarm.set(0);
    else if (this.#segments === 1 && !this.#alarm.isSet) this.#alarm.set(this.#delayMs);
  }

  close(): void {
    this.#alarm.close();
  }
}

// A quarter of the window we offer: the guest must not run out of it while we wait for more.
const SEGMENTS_PER_ACK_MAX = 44;
