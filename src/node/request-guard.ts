import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { IncomingHttpHeaders } from 'node:http';

/**
 * Why a request must not be served, or null when it may be.
 *
 * A browser on this machine reaches our loopback ports for every page it shows. Two rules keep such
 * a page from stopping a VM or typing at its console: a request that names an origin must come from
 * a page we served ourselves, and the name it dialled must be ours (a name of somebody else that
 * resolves to this machine is how DNS rebinding gets past the first rule).
 */
export function refusalOf(headers: IncomingHttpHeaders): string | null {
  const dialled = headers.host ?? '';
  if (!isOurName(dialled.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'))) {
    return `this is not ${dialled}`;
  }
  const { origin } = headers;
  if (origin !== undefined && origin.replace(/^\w+:\/\//, '') !== dialled) {
    return `pages of ${origin} may not use this server`;
  }
  return null;
}

function isOurName(name: string): boolean {
  const ours = hostname().toLowerCase();
  const asked = name.toLowerCase();
  return (
    isIP(asked) !== 0 || asked === 'localhost' || asked === ours || asked.startsWith(`${ours}.`)
  );
}
