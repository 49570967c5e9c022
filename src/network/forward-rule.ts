import { formatIp, parseIp, type Ipv4Address } from './ipv4-address.js';

/** A port of the host that stands for a port of a guest. */
export interface ForwardRule {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Null means the default guest of the subnet. */
  readonly guestIp: Ipv4Address | null;
  readonly guestPort: number;
  readonly protocol: 'tcp' | 'udp';
}

/** Reads `HOST:PORT:GUESTPORT` or `HOST:PORT:GUESTIP:GUESTPORT`, each with `/udp` or not; else null. */
export function parseForward(text: string): ForwardRule | null {
  const [, bracketed, plain, portText, guest, guestPortText, protocol = 'tcp'] =
    /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5}):(?:([\d.]+):)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(
      text,
    ) ?? [];
  const host = bracketed ?? plain;
  const port = Number(portText);
  const guestPort = Number(guestPortText);
  const guestIp = guest === undefined ? null : parseIp(guest);
  if (host === undefined || !(port <= 65_535) || !(guestPort >= 1 && guestPort <= 65_535))
    return null;
  if (guest !== undefined && guestIp === null) return null;
  return { host, port, guestIp, guestPort, protocol: protocol === 'udp' ? 'udp' : 'tcp' };
}

export function formatForward({ host, port, guestIp, guestPort, protocol }: ForwardRule): string {
  const shownHost = host.includes(':') ? `[${host}]` : host;
  const guest = guestIp === null ? '' : `${formatIp(guestIp)}:`;
  return `${shownHost}:${port}:${guest}${guestPort}${protocol === 'udp' ? '/udp' : ''}`;
}
