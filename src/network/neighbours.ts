import { Alarm, type AlarmQueue } from './alarm-queue.js';
import type { Ipv4Address } from './ipv4-address.js';
import { writeMac, type MacAddress } from './mac-address.js';
import { copyOf } from './wire-bytes.js';

interface Neighbour {
  mac: MacAddress | null;
  heardAtMs: number;
  askedAtMs: number;
  asks: number;
  /** Frames that wait for the address, oldest first. */
  waiting: Uint8Array[];
}

const NEIGHBOURS_MAX = 1_024;
const WAITING_FRAMES_MAX = 16;
const ASK_AGAIN_MS = 1_000;
/** So many questions unanswered, and what waits is dropped; TCP will ask again. */
const ASKS_MAX = 3;
/** Older knowledge is used, and checked: another guest may have the address by now. */
const FRESH_MS = 30_000;

/**
 * Who has which IP address on the switch.
 *
 * Shape:  learned from ARP and from every packet of the subnet; frames to an address not yet known
 *         wait for the answer, a few per address.
 * Errors: none; what waits in vain is dropped. All of it is bounded: the oldest neighbour goes.
 * Source: RFC 826; RFC 1122 §2.3.2 (queue, rate of questions, ageing).
 */
export class Neighbours {
  readonly #alarms: AlarmQueue;
  readonly #ask: (ip: Ipv4Address) => void;
  readonly #send: (frame: Uint8Array) => void;
  readonly #table = new Map<Ipv4Address, Neighbour>();
  readonly #alarm: Alarm;
  dropped = 0;

  constructor(
    alarms: AlarmQueue,
    ask: (ip: Ipv4Address) => void,
    send: (frame: Uint8Array) => void,
  ) {
    this.#alarms = alarms;
    this.#ask = ask;
    this.#send = send;
    this.#alarm = new Alarm(alarms, () => this.#askAgain());
  }

  get size(): number {
    return this.#table.size;
  }

  macOf(ip: Ipv4Address): MacAddress | null {
    return this.#table.get(ip)?.mac ?? null;
  }

  heard(ip: Ipv4Address, mac: MacAddress): void {
    const neighbour = this.#table.get(ip) ?? this.#add(ip);
    neighbour.mac = mac;
    neighbour.heardAtMs = this.#alarms.nowMs();
    neighbour.asks = 0;
    if (neighbour.waiting.length === 0) return;
    for (const frame of neighbour.waiting.splice(0)) this.#address(frame, mac);
  }

  /** Sends a frame whose destination is not filled in yet. */
  send(ip: Ipv4Address, frame: Uint8Array): void {
    const neighbour = this.#table.get(ip) ?? this.#add(ip);
    const nowMs = this.#alarms.nowMs();
    if (neighbour.mac !== null) {
      if (nowMs - neighbour.heardAtMs > FRESH_MS) this.#question(ip, neighbour);
      this.#address(frame, neighbour.mac);
      return;
    }
    if (neighbour.waiting.length >= WAITING_FRAMES_MAX) {
      neighbour.waiting.shift();
      this.dropped += 1;
    }
    // It may wait for seconds, and what it was cut from holds twenty more.
    neighbour.waiting.push(copyOf(frame));
    this.#question(ip, neighbour);
    if (!this.#alarm.isSet) this.#alarm.set(ASK_AGAIN_MS);
  }

  close(): void {
    this.#alarm.close();
    this.#table.clear();
  }

  #address(frame: Uint8Array, mac: MacAddress): void {
    writeMac(frame, 0, mac);
    this.#send(frame);
  }

  #question(ip: Ipv4Address, neighbour: Neighbour): void {
    const nowMs = this.#alarms.nowMs();
    if (nowMs - neighbour.askedAtMs < ASK_AGAIN_MS) return;
    neighbour.askedAtMs = nowMs;
    neighbour.asks += 1;
    this.#ask(ip);
  }

  #askAgain(): void {
    let isWaiting = false;
    for (const [ip, neighbour] of this.#table) {
      if (neighbour.waiting.length === 0) continue;
      if (neighbour.asks >= ASKS_MAX) {
        this.dropped += neighbour.waiting.length;
        neighbour.waiting = [];
        neighbour.asks = 0;
        continue;
      }
      isWaiting = true;
      this.#question(ip, neighbour);
    }
    if (isWaiting) this.#alarm.set(ASK_AGAIN_MS);
  }

  #add(ip: Ipv4Address): Neighbour {
    if (this.#table.size >= NEIGHBOURS_MAX) this.#forgetOldest();
    const neighbour: Neighbour = {
      mac: null,
      heardAtMs: this.#alarms.nowMs(),
      askedAtMs: -Infinity,
      asks: 0,
      waiting: [],
    };
    this.#table.set(ip, neighbour);
    return neighbour;
  }

  #forgetOldest(): void {
    let oldest: Ipv4Address | null = null;
    let oldestAtMs = Infinity;
    for (const [ip, { heardAtMs }] of this.#table) {
      if (heardAtMs >= oldestAtMs) continue;
      oldest = ip;
      oldestAtMs = heardAtMs;
    }
    if (oldest !== null) this.#table.delete(oldest);
  }
}
