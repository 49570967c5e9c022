import type { Ipv4Address, Subnet } from './ipv4-address.js';
import type { MacAddress } from './mac-address.js';

/** Who is who on the switch's subnet; with 10.0.2.0/24 as QEMU's user network has it. */
export interface GatewayAddresses {
  readonly subnet: Subnet;
  /** The gateway itself, and its DHCP server: 10.0.2.2. */
  readonly server: Ipv4Address;
  /** Where guests send DNS queries: 10.0.2.3. The gateway takes them too. */
  readonly nameServer: Ipv4Address;
  /** The first address given to a guest, and where forwards go that name none: 10.0.2.15. */
  readonly guest: Ipv4Address;
  readonly mac: MacAddress;
}

export function addressesIn(subnet: Subnet): GatewayAddresses {
  // A subnet of 8 addresses has no 15th; its guests start at the 4th.
  const guestOffset = subnet.prefixBits > 27 ? 4 : 15;
  const server = subnet.base + 2;
  return {
    subnet,
    server,
    nameServer: subnet.base + 3,
    guest: subnet.base + guestOffset,
    // A locally administered address that contains the IP one: no two gateways share it.
    mac: 0x5255 * 2 ** 32 + server,
  };
}
