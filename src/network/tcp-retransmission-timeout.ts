import type { TcpSettings } from './tcp-settings.js';

/**
 * How long to wait for an acknowledgment.
 *
 * Source: RFC 6298, with the bounds of `TcpSettings`.
 */
export class RetransmissionTimeout {
  readonly #settings: TcpSettings;
  #smoothedMs: number | null = null;
  #variationMs = 0;
  #baseMs: number;
  #currentMs: number;

  constructor(settings: TcpSettings) {
    this.#settings = settings;
    this.#baseMs = settings.initialRtoMs;
    this.#currentMs = this.#baseMs;
  }

  get ms(): number {
    return this.#currentMs;
  }

  /** Smoothed round trip, for people; null before the first. */
  get roundTripMs(): number | null {
    return this.#smoothedMs;
  }

  /** A round trip of a segment that was sent once (Karn's rule is the caller's). */
  measured(roundTripMs: number): void {
    if (this.#smoothedMs === null) {
      this.#smoothedMs = roundTripMs;
      this.#variationMs = roundTripMs / 2;
    } else {
      const error = Math.abs(this.#smoothedMs - roundTripMs);
      this.#variationMs += (error - this.#variationMs) / 4;
      this.#smoothedMs += (roundTripMs - this.#smoothedMs) / 8;
    }
    this.#baseMs = this.#bounded(this.#smoothedMs + Math.max(1, 4 * this.#variationMs));
    this.#currentMs = this.#baseMs;
  }

  backOff(): void {
    this.#currentMs = Math.min(this.#settings.rtoMsMax, this.#currentMs * 2);
  }

  /** New data was acknowledged: whatever made us back off is over. */
  recovered(): void {
    this.#currentMs = this.#baseMs;
  }

  /** The guest is on another host now, and what was on its way is lost: try again soon. */
  moved(): void {
    this.#currentMs = Math.min(this.#baseMs, this.#settings.movedRtoMs);
  }

  #bounded(ms: number): number {
    return Math.min(this.#settings.rtoMsMax, Math.max(this.#settings.rtoMsMin, ms));
  }
}
