import { hostname } from 'node:os';
import { isIPv4, isIPv6 } from 'node:net';

/** An address to bind or to send to. Port 0 means any free one. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`; an IPv6 host stands in brackets. Null when the text is neither. */
export function parseHostPort(text: string): HostPort | null {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !Number.isInteger(port) || port > 65535) return null;
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only this machine can reach it. A name that is none of the known ones may be any address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * The host peers can dial for an address we are bound to. "All interfaces" is no place to dial, so
 * there it is the name of this machine.
 */
export function dialableHost(boundHost: string): string {
  return boundHost === '0.0.0.0' || boundHost === '::' ? hostname() : boundHost;
}
