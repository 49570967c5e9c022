import type { Socket } from 'node:dgram';
import { formatHostPort, type HostPort } from './host-port.js';
import { bindUdp } from './udp-socket.js';

/** A client's datagram; `reply` sends one back from the port it came to. */
export type DatagramForwarded = (
  client: string,
  payload: Uint8Array,
  reply: (payload: Uint8Array) => void,
) => void;

/** A UDP port of the host whose datagrams are handed to `received`. */
export class DatagramForward {
  /** Where it listens, with the port really bound. */
  readonly address: HostPort;
  readonly #socket: Socket;
  #isClosed = false;

  /** Errors: rejects with one of `listen-error.ts`. */
  static async listen(address: HostPort, received: DatagramForwarded): Promise<DatagramForward> {
    return new DatagramForward(await bindUdp(address), address.host, received);
  }

  private constructor(socket: Socket, host: string, received: DatagramForwarded) {
    this.#socket = socket;
    this.address = { host, port: socket.address().port };
    socket.on('error', () => undefined);
    socket.on('message', (payload, { address, port }) => {
      const client = formatHostPort({ host: address, port });
      received(client, payload, (answer) => {
        if (!this.#isClosed) socket.send(answer, port, address, () => undefined);
      });
    });
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}
