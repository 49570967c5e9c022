import { Alarm, type AlarmQueue } from './alarm-queue.js';

/** Something that lasts as long as it is used. */
export interface UdpSession {
  close(): void;
}

interface Entry<Session> {
  readonly session: Session;
  usedAtMs: number;
}

/** RFC 4787 §4.3 asks for two minutes at least. */
const IDLE_MS = 120_000;

/**
 * Sessions of UDP, which has no ends: one that rests for two minutes is over, and when there are too
 * many the one that rested longest goes.
 */
export class UdpSessions<Session extends UdpSession> {
  readonly #alarms: AlarmQueue;
  readonly #sessionsMax: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry<Session>>();
  readonly #alarm: Alarm;

  constructor(alarms: AlarmQueue, sessionsMax: number) {
    this.#alarms = alarms;
    this.#sessionsMax = sessionsMax;
    this.#alarm = new Alarm(alarms, () => this.#expire());
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The session of that name, which is used now. */
  use(key: string): Session | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    entry.usedAtMs = this.#alarms.nowMs();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.session;
  }

  add(key: string, session: Session): void {
    if (this.#entries.size >= this.#sessionsMax) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#end(oldest);
    }
    this.#entries.set(key, { session, usedAtMs: this.#alarms.nowMs() });
    if (!this.#alarm.isSet) this.#alarm.set(IDLE_MS);
  }

  close(): void {
    this.#alarm.close();
    for (const key of [...this.#entries.keys()]) this.#end(key);
  }

  #end(key: string): void {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    entry?.session.close();
  }

  #expire(): void {
    const nowMs = this.#alarms.nowMs();
    for (const [key, { usedAtMs }] of [...this.#entries]) {
      if (nowMs - usedAtMs < IDLE_MS) {
        this.#alarm.set(usedAtMs + IDLE_MS - nowMs);
        return;
      }
      this.#end(key);
    }
  }
}
