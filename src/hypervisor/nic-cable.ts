import type { GuestEvent } from '../guest/guest-event.js';
import { parseArp } from '../network/arp-packet.js';
import { etherType, parseEthernet } from '../network/ethernet-frame.js';
import type { FramePort, FramePortHandlers, FramePortStatus } from '../network/frame-port.js';
import type { Ipv4Address } from '../network/ipv4-address.js';
import { announceMac } from '../network/mac-announcement.js';
import { parseMac } from '../network/mac-address.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';

/** What a cable is plugged into on our side. */
export interface NicCableOwner {
  /** Only a live replica takes frames in, and only its output leaves (FT paper §2, §2.3). */
  isLive(): boolean;
  inject(event: GuestEvent): void;
  say(line: string): void;
}

/**
 * The guest's network card on a switch: frames in are events of an epoch, frames out have passed the
 * Output Rule. A backup's cable is in as well, so that it need not be plugged in at go-live.
 *
 * Drop policy: what the guest is slow to take is bounded in the vCPU (vcpu/pending-events.ts), what
 * the switch is slow to take in the port.
 */
export class NicCable {
  readonly #owner: NicCableOwner;
  readonly #mac: string;
  readonly #port: FramePort;
  #guestIp: Ipv4Address | null = null;

  constructor(
    mac: string,
    owner: NicCableOwner,
    plugIn: (handlers: FramePortHandlers) => FramePort,
  ) {
    this.#mac = mac;
    this.#owner = owner;
    this.#port = plugIn({
      up: () => {
        owner.say('the network cable is in');
        if (owner.isLive()) this.announce();
      },
      down: (why) => owner.say(`the network cable is out: ${why}`),
      frameReceived: (frame) => this.#received(frame),
    });
  }

  /** Tells the switch that the guest is here now: at go-live, and when the cable comes back. */
  announce(): void {
    const mac = parseMac(this.#mac);
    if (mac === null) return;
    for (const frame of announceMac(mac, this.#guestIp)) this.#port.send(frame);
  }

  send(frame: Uint8Array): void {
    this.#port.send(frame);
  }

  /** Learns the guest's address from what it says, on a backup too, for the announcement. */
  noteVcpu(event: VcpuEvent): void {
    if (event.kind !== 'ran') return;
    for (const output of event.outputs) {
      if (output.kind !== 'frameSent') continue;
      const frame = parseEthernet(output.frame);
      const arp = frame?.type === etherType.arp ? parseArp(frame.payload) : null;
      if (arp && arp.senderIp !== 0) this.#guestIp = arp.senderIp;
    }
  }

  status(): FramePortStatus {
    return this.#port.status();
  }

  close(): void {
    this.#port.close();
  }

  #received(frame: Uint8Array): void {
    if (!this.#owner.isLive()) return;
    this.#owner.inject({ kind: 'frameReceived', frame });
  }
}
