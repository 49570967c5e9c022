/** Where an uplink goes: a socket file, or a TCP port. */
export type UplinkAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Reads `stream:unix:PATH` and `stream:tcp:HOST:PORT`; null when it is neither. */
export function parseUplink(text: string): UplinkAddress | null {
  const [, path] = /^stream:unix:(.+)$/.exec(text) ?? [];
  if (path !== undefined) return { kind: 'unix', path };
  const [, host, digits] = /^stream:tcp:\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === undefined || !(port >= 1 && port <= 65_535)) return null;
  return { kind: 'tcp', host, port };
}

export function formatUplink(address: UplinkAddress): string {
  return address.kind === 'unix'
    ? `stream:unix:${address.path}`
    : `stream:tcp:${address.host}:${address.port}`;
}
