import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { HostPort } from './host-port.js';
import { listenError } from './listen-error.js';

/** A UDP socket bound to `address`, for one owner. Errors: rejects with one of `listen-error.ts`. */
export async function bindUdp(address: HostPort): Promise<Socket> {
  const socket = createSocket(isIPv6(address.host) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: address.host, port: address.port, exclusive: true }, resolve);
    });
  } catch (cause) {
    socket.close();
    throw listenError(address, cause);
  }
  return socket;
}
