import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';

/**
 * Names this host, and within it the network that a loopback address means: `name/1f2e3d4c`.
 *
 * Hosts that were cloned and containers may share a host name; two of them on loopback addresses
 * would take each other's refused connection for a death. The mark is of the boot and the network
 * namespace; where there is no such thing, of the addresses of the network cards.
 */
export function hostMark(): string {
  const place = linuxPlace() ?? JSON.stringify(networkInterfaces());
  return `${hostname()}/${createHash('sha256').update(place).digest('hex').slice(0, 8)}`;
}

function linuxPlace(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    return boot + readlinkSync('/proc/self/ns/net');
  } catch {
    return null;
  }
}
