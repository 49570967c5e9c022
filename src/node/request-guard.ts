import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/**
 * Why a request must not be served, or null when it may be. `boundHost` is the name we listen on.
 *
 * A browser on this machine reaches our loopback ports for every page it shows. Two rules keep such
 * a page from stopping a VM or typing at its console: a request that names an origin must come from
 * a page we served ourselves, and then the name it dialled must be ours (a name of somebody else
 * that resolves to this machine is how DNS rebinding gets past the first rule). Programs name no
 * origin and may know this machine by any name.
 */
export function refusalOf(headers: IncomingHttpHeaders, boundHost: string): string | null {
  const { origin, host = '' } = headers;
  if (origin === undefined) return null;
  if (origin.replace(/^\w+:\/\//, '') !== host) {
    return `pages of ${origin} may not use this server`;
  }
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isOurName(name.toLowerCase(), boundHost) ? null : `this is not ${host}`;
}

function isOurName(name: string, boundHost: string): boolean {
  const machine = hostname().toLowerCase();
  return (
    isIP(name) !== 0 ||
    ['localhost', machine, boundHost.toLowerCase()].includes(name) ||
    name.startsWith(`${machine}.`)
  );
}
