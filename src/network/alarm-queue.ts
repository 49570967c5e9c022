import type { Clock } from '../host/clock.js';

/**
 * Any number of alarms on one timer of the host: thousands of connections have several each.
 *
 * Shape:  a binary heap by time; each alarm knows its place in it. An alarm that is put off, as a
 *         retransmission is by every acknowledgment, stays where it is and is looked at again when
 *         its old time comes; that makes the common case free.
 * Units:  milliseconds of the clock.
 */
export class AlarmQueue {
  readonly #clock: Clock;
  readonly #heap: Alarm[] = [];
  #cancelTimer: (() => void) | null = null;
  #timerAtMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Alarms waiting, those that were put off or called off included. */
  get size(): number {
    return this.#heap.length;
  }

  /** For `Alarm` alone: makes sure that `alarm` is looked at by `alarm.heapAtMs`. */
  place(alarm: Alarm): void {
    if (alarm.heapIndex === -1) {
      alarm.heapIndex = this.#heap.length;
      this.#heap.push(alarm);
    }
    this.#siftUp(alarm.heapIndex);
    this.#wind();
  }

  /** For `Alarm` alone. */
  remove(alarm: Alarm): void {
    const index = alarm.heapIndex;
    if (index === -1) return;
    alarm.heapIndex = -1;
    const last = this.#heap.pop() as Alarm;
    if (last !== alarm) {
      this.#heap[index] = last;
      last.heapIndex = index;
      this.#siftDown(index);
      this.#siftUp(index);
    }
    if (this.#heap.length === 0) this.#stopTimer();
  }

  /** Calls every alarm off. */
  close(): void {
    for (const alarm of this.#heap) alarm.heapIndex = -1;
    this.#heap.length = 0;
    this.#stopTimer();
  }

  #wind(): void {
    const first = this.#heap[0];
    if (first === undefined || first.heapAtMs >= this.#timerAtMs) return;
    this.#stopTimer();
    this.#timerAtMs = first.heapAtMs;
    const delayMs = Math.max(0, first.heapAtMs - this.#clock.nowMs());
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#ring());
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#timerAtMs = Infinity;
  }

  #ring(): void {
    this.#cancelTimer = null;
    this.#timerAtMs = Infinity;
    const nowMs = this.#clock.nowMs();
    for (let first = this.#heap[0]; first && first.heapAtMs <= nowMs; first = this.#heap[0]) {
      this.remove(first);
      first.looked(nowMs);
    }
    this.#wind();
  }

  #siftUp(from: number): void {
    const alarm = this.#heap[from] as Alarm;
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above] as Alarm;
      if (parent.heapAtMs <= alarm.heapAtMs) break;
      this.#heap[index] = parent;
      parent.heapIndex = index;
      index = above;
    }
    this.#heap[index] = alarm;
    alarm.heapIndex = index;
  }

  #siftDown(from: number): void {
    const alarm = this.#heap[from] as Alarm;
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= this.#heap.length) break;
      const right = left + 1;
      const isRightFirst =
        right < this.#heap.length &&
        (this.#heap[right] as Alarm).heapAtMs < (this.#heap[left] as Alarm).heapAtMs;
      const below = isRightFirst ? right : left;
      const child = this.#heap[below] as Alarm;
      if (child.heapAtMs >= alarm.heapAtMs) break;
      this.#heap[index] = child;
      child.heapIndex = index;
      index = below;
    }
    this.#heap[index] = alarm;
    alarm.heapIndex = index;
  }
}

/** Calls back once when its time has come; setting it again moves that time. */
export class Alarm {
  /** For `AlarmQueue` alone. */
  heapIndex = -1;
  /** For `AlarmQueue` alone: when to look at it, which is never later than when it is due. */
  heapAtMs = Infinity;
  #dueAtMs = Infinity;
  readonly #queue: AlarmQueue;
  readonly #callback: () => void;

  constructor(queue: AlarmQueue, callback: () => void) {
    this.#queue = queue;
    this.#callback = callback;
  }

  get isSet(): boolean {
    return this.#dueAtMs !== Infinity;
  }

  set(delayMs: number): void {
    const dueAtMs = this.#queue.nowMs() + delayMs;
    this.#dueAtMs = dueAtMs;
    if (this.heapIndex !== -1 && this.heapAtMs <= dueAtMs) return;
    this.heapAtMs = dueAtMs;
    this.#queue.place(this);
  }

  /** Calls it off. Its place in the queue is kept for the next time; `close` gives that up too. */
  clear(): void {
    this.#dueAtMs = Infinity;
  }

  close(): void {
    this.#dueAtMs = Infinity;
    this.#queue.remove(this);
  }

  /** For `AlarmQueue` alone: the time it was kept at has come. */
  looked(nowMs: number): void {
    const dueAtMs = this.#dueAtMs;
    if (dueAtMs === Infinity) return;
    if (dueAtMs > nowMs) {
      this.heapAtMs = dueAtMs;
      this.#queue.place(this);
      return;
    }
    this.#dueAtMs = Infinity;
    this.#callback();
  }
}
