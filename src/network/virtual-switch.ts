import type { Clock } from '../host/clock.js';
import { ETHERNET_HEADER_BYTES, FRAME_BYTES_MAX } from './ethernet-frame.js';
import { isGroupMac, readMac, type MacAddress } from './mac-address.js';
import { MacTable } from './mac-table.js';
import { RateLimit } from './rate-limit.js';

/** Where the frames for a port go. */
export interface FrameOutlet {
  send(frame: Uint8Array): void;
  /** Bytes given to `send` that are still on this side. */
  bufferedBytes(): number;
}

export interface PortOptions {
  readonly name: string;
  /** More than this waiting, and frames for the port are dropped, the newest first (tail drop). */
  readonly queueBytesMax?: number;
  /** An address that nobody else may speak with; frames that claim it elsewhere are dropped. */
  readonly ownMac?: MacAddress;
  /** Frames to everybody that the port may send in a second; unlimited unless given. */
  readonly floodsPerSecondMax?: number;
}

/** Why a frame went no further. */
export type DropReason =
  'runt' | 'oversized' | 'groupSource' | 'foreignSource' | 'reserved' | 'flood' | 'queueFull';

export interface PortStatus {
  readonly name: string;
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly bufferedBytes: number;
  readonly addressCount: number;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
}

/** Told that a MAC was first heard at a port, or at another one than before. */
export type MacLearned = (mac: MacAddress) => void;

/** Shown every frame that is not dropped where it comes in, and the name of the port it came in at. */
export type FrameTap = (port: string, frame: Uint8Array) => void;

/** One replica, uplink or gateway on the switch. */
export interface SwitchPort {
  receive(frame: Uint8Array): void;
  /** The port is dead: nothing is sent there any more, and what was learned there is forgotten. */
  detach(): void;
  status(): PortStatus;
}

const QUEUE_BYTES_MAX = 1024 * 1024;
const ADDRESSES_PER_PORT_MAX = 1_024;
const FLOODS_BURST = 2_000;
/** 01-80-c2-00-00-00 to -0f stop at a bridge (IEEE 802.1D §7.12.6). */
const RESERVED_GROUP = 0x0180_c200_0000;

/**
 * An Ethernet switch.
 *
 * Shape:  frames go where their destination was last heard, or everywhere else if it was not. A
 *         guest that goes live on another host moves by its first frame there, whatever it is.
 * Errors: what is no frame, or too much, is dropped and counted at the port it came from; what a
 *         port does not take fast enough, at the port it was for.
 * Source: IEEE 802.1D §7.
 */
export class VirtualSwitch {
  readonly #clock: Clock;
  readonly #learned: MacLearned;
  readonly #tap: FrameTap | null;
  readonly #table = new MacTable<Port>(ADDRESSES_PER_PORT_MAX);
  readonly #ports = new Set<Port>();
  readonly #ownMacs = new Map<MacAddress, Port>();

  constructor(clock: Clock, learned: MacLearned = () => undefined, tap: FrameTap | null = null) {
    this.#clock = clock;
    this.#learned = learned;
    this.#tap = tap;
  }

  get portCount(): number {
    return this.#ports.size;
  }

  get addressCount(): number {
    return this.#table.size;
  }

  attach(outlet: FrameOutlet, options: PortOptions): SwitchPort {
    const perSecond = options.floodsPerSecondMax;
    const port: Port = new Port(outlet, options, {
      floods:
        perSecond === undefined
          ? null
          : new RateLimit(this.#clock, { perSecond, burst: Math.max(FLOODS_BURST, perSecond) }),
      received: (frame) => this.#receive(port, frame),
      detached: () => this.#detach(port),
      addressCount: () => this.#table.countAt(port),
    });
    this.#ports.add(port);
    if (options.ownMac !== undefined) this.#ownMacs.set(options.ownMac, port);
    return port;
  }

  ports(): PortStatus[] {
    return [...this.#ports].map((port) => port.status());
  }

  #detach(port: Port): void {
    if (!this.#ports.delete(port)) return;
    this.#table.forgetPort(port);
    for (const [mac, owner] of this.#ownMacs) if (owner === port) this.#ownMacs.delete(mac);
  }

  #receive(from: Port, frame: Uint8Array): void {
    if (!this.#ports.has(from)) return;
    if (frame.byteLength < ETHERNET_HEADER_BYTES) return from.drop('runt');
    if (frame.byteLength > FRAME_BYTES_MAX) return from.drop('oversized');
    const destination = readMac(frame, 0);
    const source = readMac(frame, 6);
    if (isGroupMac(source) || source === 0) return from.drop('groupSource');
    const owner = this.#ownMacs.get(source);
    if (owner !== undefined && owner !== from) return from.drop('foreignSource');
    if (destination >= RESERVED_GROUP && destination < RESERVED_GROUP + 16) {
      return from.drop('reserved');
    }
    from.counted(frame);
    this.#tap?.(from.name, frame);
    const nowMs = this.#clock.nowMs();
    const lesson = this.#table.learn(source, from, nowMs);
    this.#forward(from, destination, frame, nowMs);
    // Told last: what is sent again goes out behind the frame that made it necessary.
    if (lesson === 'new' || lesson === 'moved') this.#learned(source);
  }

  #forward(from: Port, destination: MacAddress, frame: Uint8Array, nowMs: number): void {
    const to =
      this.#ownMacs.get(destination) ??
      (isGroupMac(destination) ? null : this.#table.portOf(destination, nowMs));
    if (to !== null) {
      if (to !== from) to.send(frame);
      return;
    }
    if (from.floods !== null && !from.floods.take()) return from.drop('flood');
    for (const port of this.#ports) if (port !== from) port.send(frame);
  }
}

interface PortHooks {
  readonly floods: RateLimit | null;
  readonly received: (frame: Uint8Array) => void;
  readonly detached: () => void;
  readonly addressCount: () => number;
}

class Port implements SwitchPort {
  readonly floods: RateLimit | null;
  readonly #outlet: FrameOutlet;
  readonly name: string;
  readonly #queueBytesMax: number;
  readonly #hooks: PortHooks;
  readonly #dropped: Partial<Record<DropReason, number>> = {};
  #receivedFrames = 0;
  #receivedBytes = 0;
  #sentFrames = 0;
  #sentBytes = 0;

  constructor(outlet: FrameOutlet, options: PortOptions, hooks: PortHooks) {
    this.#outlet = outlet;
    this.name = options.name;
    this.#queueBytesMax = options.queueBytesMax ?? QUEUE_BYTES_MAX;
    this.#hooks = hooks;
    this.floods = hooks.floods;
  }

  receive(frame: Uint8Array): void {
    this.#hooks.received(frame);
  }

  detach(): void {
    this.#hooks.detached();
  }

  counted(frame: Uint8Array): void {
    this.#receivedFrames += 1;
    this.#receivedBytes += frame.byteLength;
  }

  send(frame: Uint8Array): void {
    if (this.#outlet.bufferedBytes() + frame.byteLength > this.#queueBytesMax) {
      return this.drop('queueFull');
    }
    this.#sentFrames += 1;
    this.#sentBytes += frame.byteLength;
    this.#outlet.send(frame);
  }

  drop(reason: DropReason): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + 1;
  }

  status(): PortStatus {
    return {
      name: this.name,
      receivedFrames: this.#receivedFrames,
      receivedBytes: this.#receivedBytes,
      sentFrames: this.#sentFrames,
      sentBytes: this.#sentBytes,
      bufferedBytes: this.#outlet.bufferedBytes(),
      addressCount: this.#hooks.addressCount(),
      dropped: { ...this.#dropped },
    };
  }
}
