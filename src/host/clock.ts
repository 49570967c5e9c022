/** Host time: monotonic, from an arbitrary zero. The guest's time is `vcpu/virtual-time.ts`. */
export interface Clock {
  nowMs(): number;
  /** Milliseconds since 1970, for people to read; nothing is decided by it. */
  wallClockMs(): number;
  /** Runs `callback` once, `delayMs` from now, 0 being soon; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}
