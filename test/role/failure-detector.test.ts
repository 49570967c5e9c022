import { expect, it } from 'vitest';
import { FailureDetector } from '../../src/role/failure-detector.js';

const timeoutMs = 500;

/** Asked each 5 ms, as a role does. */
class Watched {
  readonly detector = new FailureDetector(timeoutMs, 0);
  #nowMs = 0;

  /** Signs on both paths, `everyMs` apart. */
  hear(everyMs: number, count = 10): this {
    for (let sign = 0; sign < count; sign += 1) {
      this.silentMs(everyMs);
      this.detector.heardOnChannel(this.#nowMs);
      this.detector.heardHeartbeat(this.#nowMs);
    }
    return this;
  }
  /** Whether it suspects the peer meanwhile. */
  silentMs(ms: number): boolean {
    let isSuspect = false;
    for (const endMs = this.#nowMs + ms; this.#nowMs < endMs;) {
      this.#nowMs += 5;
      isSuspect ||= this.detector.suspects(this.#nowMs);
    }
    return isSuspect;
  }
}

it('suspects a peer that spoke often once it was silent for the timeout', () => {
  expect(new Watched().hear(50).silentMs(500)).toBe(false);
  expect(new Watched().hear(50).silentMs(505)).toBe(true);
});

it.each([5, 50, 60, 100, 110])(
  'takes no stall of 440 ms for a death, of a peer that speaks each %i ms',
  (everyMs) => {
    // It stalls when the next sign is due.
    expect(new Watched().hear(everyMs).silentMs(everyMs + 440)).toBe(false);
  },
);

it('waits a fifth of the timeout longer at most, however long a stall it has survived', () => {
  const watched = new Watched().hear(50).hear(450, 1);
  expect(watched.silentMs(600)).toBe(false);
  expect(watched.silentMs(5)).toBe(true);
});

it('takes no such stall for a death when the last two signs were close together', () => {
  expect(
    new Watched()
      .hear(110)
      .hear(20, 1)
      .silentMs(110 + 440),
  ).toBe(false);
});

it('waits no longer once the peer speaks often again', () => {
  expect(new Watched().hear(110).hear(5, 20).silentMs(505)).toBe(true);
});
