import { arpOperation, buildArpFrame } from './arp-packet.js';
import { etherType } from './ethernet-frame.js';
import type { Ipv4Address } from './ipv4-address.js';
import { broadcastMac, type MacAddress } from './mac-address.js';

/**
 * The frames that move a guest's address to the switch port of its new primary.
 *
 * Shape:  a RARP request, which says no more than "this MAC is here" and so is always right; and,
 *         when the guest's IP address is known, a gratuitous ARP request, which neighbours
 *         understand too. All are broadcasts from the guest's own MAC, ready to send.
 * Source: FT paper §2.3 (VMware announces by RARP); RFC 826, RFC 903, RFC 5227 §3.
 */
export function announceMac(mac: MacAddress, ip: Ipv4Address | null): Uint8Array[] {
  const reverse = buildArpFrame(
    broadcastMac,
    {
      operation: arpOperation.reverseRequest,
      senderMac: mac,
      senderIp: 0,
      targetMac: mac,
      targetIp: 0,
    },
    etherType.rarp,
  );
  if (ip === null) return [reverse];
  const gratuitous = buildArpFrame(broadcastMac, {
    operation: arpOperation.request,
    senderMac: mac,
    senderIp: ip,
    targetMac: 0,
    targetIp: ip,
  });
  return [reverse, gratuitous];
}
