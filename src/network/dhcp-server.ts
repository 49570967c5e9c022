import { buildDhcpReply, dhcpType, type DhcpRequest } from './dhcp-message.js';
import { isInSubnet, maskOf, subnetBroadcast, type Ipv4Address } from './ipv4-address.js';
import type { MacAddress } from './mac-address.js';
import type { GatewayAddresses } from './gateway-addresses.js';

const LEASE_SECONDS = 24 * 60 * 60;
/** An offer nobody took is free again after this. */
const OFFER_SECONDS = 60;

interface Lease {
  readonly ip: Ipv4Address;
  untilMs: number;
}

/**
 * Gives guests their addresses: the first gets the default guest's, the next ones those behind it.
 *
 * Shape:  one lease per MAC; it keeps its address for as long as the switch runs, and beyond its
 *         time until another guest needs it, so a guest that went live elsewhere stays who it was.
 * Errors: a full pool says nothing, as RFC 2131 §4.3.1 wants; `exhausted` counts it.
 * Source: RFC 2131.
 */
export class DhcpServer {
  readonly #addresses: GatewayAddresses;
  /** Whether somebody who never asked us has that address. */
  readonly #isInUse: (ip: Ipv4Address, by: MacAddress) => boolean;
  readonly #leases = new Map<MacAddress, Lease>();
  exhausted = 0;

  constructor(addresses: GatewayAddresses, isInUse: (ip: Ipv4Address, by: MacAddress) => boolean) {
    this.#addresses = addresses;
    this.#isInUse = isInUse;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** The reply to a client, or null for silence. */
  answer(request: DhcpRequest, nowMs: number): Uint8Array | null {
    switch (request.type) {
      case dhcpType.discover:
        return this.#offer(request, nowMs);
      case dhcpType.request:
        return this.#grant(request, nowMs);
      case dhcpType.inform:
        return this.#reply(request, dhcpType.ack, 0, null);
      case dhcpType.release:
      case dhcpType.decline:
        this.#leases.delete(request.clientMac);
        return null;
      default:
        return null;
    }
  }

  #offer(request: DhcpRequest, nowMs: number): Uint8Array | null {
    const ip = this.#addressFor(request, nowMs);
    if (ip === null) {
      this.exhausted += 1;
      return null;
    }
    this.#lease(request.clientMac, ip, nowMs + OFFER_SECONDS * 1_000);
    return this.#reply(request, dhcpType.offer, ip, LEASE_SECONDS);
  }

  #grant(request: DhcpRequest, nowMs: number): Uint8Array | null {
    const { server } = this.#addresses;
    if (request.serverId !== null && request.serverId !== server) return null;
    const wanted = request.requestedIp ?? request.clientIp;
    // A switch that was started again has forgotten its leases; what a guest has it may keep.
    const isFine = this.#isFree(wanted, request.clientMac, nowMs);
    if (!isFine) return this.#reply(request, dhcpType.nak, 0, null);
    this.#lease(request.clientMac, wanted, nowMs + LEASE_SECONDS * 1_000);
    return this.#reply(request, dhcpType.ack, wanted, LEASE_SECONDS);
  }

  #lease(mac: MacAddress, ip: Ipv4Address, untilMs: number): void {
    for (const [other, lease] of this.#leases) {
      if (lease.ip === ip && other !== mac) this.#leases.delete(other);
    }
    const current = this.#leases.get(mac);
    const isKept = current?.ip === ip && current.untilMs > untilMs;
    if (!isKept) this.#leases.set(mac, { ip, untilMs });
  }

  #addressFor({ clientMac, requestedIp }: DhcpRequest, nowMs: number): Ipv4Address | null {
    const current = this.#leases.get(clientMac);
    if (current) return current.ip;
    if (requestedIp !== null && this.#isFree(requestedIp, clientMac, nowMs)) return requestedIp;
    const { guest, subnet } = this.#addresses;
    for (let ip = guest; ip < subnetBroadcast(subnet); ip += 1) {
      if (this.#isFree(ip, clientMac, nowMs)) return ip;
    }
    return null;
  }

  #isFree(ip: Ipv4Address, mac: MacAddress, nowMs: number): boolean {
    const { guest, subnet, server, nameServer } = this.#addresses;
    const isInPool =
      isInSubnet(ip, subnet) &&
      ip >= guest &&
      ip < subnetBroadcast(subnet) &&
      ip !== server &&
      ip !== nameServer;
    if (!isInPool || this.#isInUse(ip, mac)) return false;
    for (const [other, lease] of this.#leases) {
      if (lease.ip === ip && other !== mac && lease.untilMs > nowMs) return false;
    }
    return true;
  }

  #reply(
    request: DhcpRequest,
    type: number,
    ip: Ipv4Address,
    leaseSeconds: number | null,
  ): Uint8Array {
    const { server, nameServer, subnet } = this.#addresses;
    const mask = maskOf(subnet.prefixBits);
    return buildDhcpReply(request, {
      type,
      ip,
      server,
      mask,
      router: server,
      nameServer,
      leaseSeconds,
    });
  }
}
