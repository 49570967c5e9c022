import type { Socket } from 'node:dgram';
import type { DatagramReceived, Datagrams } from '../host/datagrams.js';
import { dialableHost, formatHostPort, parseHostPort, type HostPort } from './host-port.js';
import { bindUdp } from './udp-socket.js';

/**
 * UDP. What cannot be sent is lost, as on the way: heartbeats are sent again soon. The socket does
 * not keep the process alive.
 *
 * Errors: `bind` rejects with one of `listen-error.ts`; nothing else throws.
 */
export class UdpDatagrams implements Datagrams {
  readonly address: string;
  readonly #socket: Socket;

  static async bind(address: HostPort, received: DatagramReceived): Promise<UdpDatagrams> {
    return new UdpDatagrams(await bindUdp(address), address.host, received);
  }

  private constructor(socket: Socket, host: string, received: DatagramReceived) {
    this.#socket = socket;
    this.address = formatHostPort({ host: dialableHost(host), port: socket.address().port });
    socket.unref();
    // A message the kernel could not keep or send is a lost one.
    socket.on('error', () => undefined);
    socket.on('message', (message, { address, port }) => {
      received(message, formatHostPort({ host: address, port }));
    });
  }

  send(to: string, message: Uint8Array): void {
    const target = parseHostPort(to);
    if (target === null || target.port === 0) return;
    try {
      this.#socket.send(message, target.port, target.host, () => undefined);
    } catch {
      // Closed meanwhile: lost like any other.
    }
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // Closed already.
    }
  }
}
