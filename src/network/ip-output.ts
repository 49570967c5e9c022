import { etherType, MTU_BYTES, newFrame } from './ethernet-frame.js';
import { broadcastIp, type Ipv4Address } from './ipv4-address.js';
import { IP_PAYLOAD_AT, IPV4_HEADER_BYTES, ipProtocol, writeIpv4Header } from './ipv4-packet.js';
import { broadcastMac, type MacAddress } from './mac-address.js';
import type { Neighbours } from './neighbours.js';
import type { OutgoingSegment } from './tcp-outlet.js';
import { synOptionBytes, TCP_HEADER_BYTES, writeTcpHeader } from './tcp-segment.js';

/** Who talks to whom over TCP; `local` is the gateway's side, whatever address it stands for. */
export interface TcpAddresses {
  readonly localIp: Ipv4Address;
  readonly localPort: number;
  readonly guestIp: Ipv4Address;
  readonly guestPort: number;
}

export interface IpPayload {
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  readonly protocol: number;
  readonly payload: Uint8Array;
}

const FRAGMENT_BYTES_MAX = (MTU_BYTES - IPV4_HEADER_BYTES) & ~7;

/** Puts what the gateway has to say into frames, and those on the switch. */
export class IpOutput {
  readonly #mac: MacAddress;
  readonly #neighbours: Neighbours;
  readonly #send: (frame: Uint8Array) => void;
  #identification = 0;

  constructor(mac: MacAddress, neighbours: Neighbours, send: (frame: Uint8Array) => void) {
    this.#mac = mac;
    this.#neighbours = neighbours;
    this.#send = send;
  }

  /** Sends a packet, in fragments if it has to be. */
  send(packet: IpPayload): void {
    this.#identification = (this.#identification + 1) & 0xffff;
    const { payload } = packet;
    if (payload.byteLength <= MTU_BYTES - IPV4_HEADER_BYTES) {
      this.#sendPart(packet, payload, 0, false);
      return;
    }
    for (let from = 0; from < payload.byteLength; from += FRAGMENT_BYTES_MAX) {
      const part = payload.subarray(from, from + FRAGMENT_BYTES_MAX);
      this.#sendPart(packet, part, from, from + part.byteLength < payload.byteLength);
    }
  }

  /** Sends a segment: its data is copied once, from the send buffer into the frame. */
  sendTcp(addresses: TcpAddresses, segment: OutgoingSegment): void {
    const { localIp, localPort, guestIp, guestPort } = addresses;
    const isSyn = segment.maximumSegmentBytes !== null;
    const headerBytes = TCP_HEADER_BYTES + (isSyn ? synOptionBytes(segment) : 0);
    const { payloadBytes } = segment;
    const frame = this.#newFrame(localIp, guestIp, headerBytes + payloadBytes);
    if (payloadBytes > 0) {
      const at = IP_PAYLOAD_AT + headerBytes;
      segment.buffer.copy(segment.payloadAt, payloadBytes, frame, at);
    }
    const header = { ...segment, sourcePort: localPort, destinationPort: guestPort };
    writeTcpHeader(frame, header, localIp, guestIp, payloadBytes);
    this.#neighbours.send(guestIp, frame);
  }

  #sendPart(packet: IpPayload, part: Uint8Array, fragmentAt: number, more: boolean): void {
    const { source, destination, protocol } = packet;
    const payloadBytes = part.byteLength;
    const frame = newFrame(
      broadcastMac,
      this.#mac,
      etherType.ipv4,
      IPV4_HEADER_BYTES + payloadBytes,
    );
    writeIpv4Header(frame, {
      source,
      destination,
      protocol,
      identification: this.#identification,
      payloadBytes,
      fragmentAt,
      moreFragments: more,
    });
    frame.set(part, IP_PAYLOAD_AT);
    if (destination === broadcastIp) this.#send(frame);
    else this.#neighbours.send(destination, frame);
  }

  /** A TCP frame that lacks its MAC destination, TCP header and payload. */
  #newFrame(source: Ipv4Address, destination: Ipv4Address, payloadBytes: number): Uint8Array {
    const frame = newFrame(0, this.#mac, etherType.ipv4, IPV4_HEADER_BYTES + payloadBytes);
    // It is never cut into pieces, so its identification means nothing (RFC 6864 §4.1).
    const protocol = ipProtocol.tcp;
    writeIpv4Header(frame, { source, destination, protocol, identification: 0, payloadBytes });
    return frame;
  }
}
