import type { GatewayAddresses } from './gateway-addresses.js';
import type { HostAddress } from './host-network.js';
import { formatIp, isInSubnet, type Ipv4Address } from './ipv4-address.js';

export interface OutboundOptions {
  /** Whether guests reach anything beyond the switch at all. */
  readonly isOpen: boolean;
  /** Whether the gateway's address stands for the host's own 127.0.0.1, as QEMU has it. */
  readonly hostLoopback: boolean;
  readonly resolver: HostAddress | null;
}

const DNS_PORT = 53;

/**
 * Where the host connects on behalf of a guest; null refuses.
 *
 * A guest is somebody else's code. What listens on the host's loopback trusts whoever can reach it
 * (our own control port among them), so a guest reaches that only if the operator says so; and
 * addresses that mean "this host" or "this link" (RFC 6890) never leave the switch.
 */
export function outboundTarget(
  addresses: GatewayAddresses,
  options: OutboundOptions,
  ip: Ipv4Address,
  port: number,
): HostAddress | null {
  if (ip === addresses.server || ip === addresses.nameServer) {
    if (port === DNS_PORT) return options.resolver;
    const isHost = ip === addresses.server && options.hostLoopback;
    return isHost ? { host: '127.0.0.1', port } : null;
  }
  if (!options.isOpen || isInSubnet(ip, addresses.subnet) || !isForwardable(ip)) return null;
  return { host: formatIp(ip), port };
}

function isForwardable(ip: Ipv4Address): boolean {
  const first = ip >>> 24;
  const isLinkLocal = ip >>> 16 === 0xa9fe;
  return first !== 0 && first !== 127 && first < 224 && !isLinkLocal;
}
