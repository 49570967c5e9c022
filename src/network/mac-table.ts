import type { MacAddress } from './mac-address.js';

interface Entry<Port> {
  readonly port: Port;
  seenAtMs: number;
}

/** IEEE 802.1D §7.9.2's default. */
const AGE_MS_MAX = 300_000;

/** What a lesson changed: nothing, a first sight of the address, or the port it is at. */
export type Lesson = 'known' | 'new' | 'moved' | 'full';

/**
 * Which addresses are behind which port, learned from who speaks.
 *
 * Shape:  bounded for each port, so that a guest that makes up addresses crowds out nobody else;
 *         above the bound nothing new is learned and such frames are flooded.
 */
export class MacTable<Port> {
  readonly #perPortMax: number;
  readonly #entries = new Map<MacAddress, Entry<Port>>();
  readonly #counts = new Map<Port, number>();

  constructor(perPortMax: number) {
    this.#perPortMax = perPortMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  countAt(port: Port): number {
    return this.#counts.get(port) ?? 0;
  }

  portOf(mac: MacAddress, nowMs: number): Port | null {
    const entry = this.#entries.get(mac);
    if (entry === undefined || nowMs - entry.seenAtMs > AGE_MS_MAX) return null;
    return entry.port;
  }

  learn(mac: MacAddress, port: Port, nowMs: number): Lesson {
    const entry = this.#entries.get(mac);
    if (entry?.port === port) {
      entry.seenAtMs = nowMs;
      return 'known';
    }
    const count = this.countAt(port);
    if (count >= this.#perPortMax && !this.#forgetOld(port, nowMs)) return 'full';
    if (entry !== undefined) this.#forget(mac, entry.port);
    this.#entries.set(mac, { port, seenAtMs: nowMs });
    this.#counts.set(port, this.countAt(port) + 1);
    return entry === undefined ? 'new' : 'moved';
  }

  /** Forgets everything behind a port that is gone. */
  forgetPort(port: Port): void {
    if (!this.#counts.has(port)) return;
    for (const [mac, entry] of this.#entries) {
      if (entry.port === port) this.#entries.delete(mac);
    }
    this.#counts.delete(port);
  }

  *[Symbol.iterator](): Iterator<{ mac: MacAddress; port: Port; seenAtMs: number }> {
    for (const [mac, { port, seenAtMs }] of this.#entries) yield { mac, port, seenAtMs };
  }

  #forget(mac: MacAddress, port: Port): void {
    this.#entries.delete(mac);
    const count = this.countAt(port) - 1;
    if (count > 0) this.#counts.set(port, count);
    else this.#counts.delete(port);
  }

  /** Makes room among the addresses of a port that were silent too long; true if there was any. */
  #forgetOld(port: Port, nowMs: number): boolean {
    let hasRoom = false;
    for (const [mac, entry] of this.#entries) {
      if (entry.port !== port || nowMs - entry.seenAtMs <= AGE_MS_MAX) continue;
      this.#forget(mac, port);
      hasRoom = true;
    }
    return hasRoom;
  }
}
