import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import type {
  HostAddress,
  HostDatagramReceived,
  HostDatagramSocket,
  HostNetwork,
  HostStream,
  HostStreamHandlers,
} from '../network/host-network.js';
import { NodeStream } from './node-stream.js';

// The guest's own SYN gives up after about as long.
const CONNECT_MS_MAX = 60_000;

/** The host's TCP and UDP, on behalf of guests. */
export class NodeHostNetwork implements HostNetwork {
  connect(to: HostAddress, handlers: HostStreamHandlers & { connected(): void }): HostStream {
    const socket: Socket = connect({ host: to.host, port: to.port, allowHalfOpen: true });
    const stream = new NodeStream(socket, handlers);
    const timer = setTimeout(() => stream.abort(), CONNECT_MS_MAX);
    socket.once('connect', () => handlers.connected());
    const stop = (): void => clearTimeout(timer);
    socket.once('connect', stop);
    socket.once('close', stop);
    return stream;
  }

  openDatagrams(to: 'ipv4' | 'ipv6', received: HostDatagramReceived): HostDatagramSocket {
    const socket = createSocket(to === 'ipv4' ? 'udp4' : 'udp6');
    let isClosed = false;
    // What the kernel could not keep or send is lost, as on any network.
    socket.on('error', () => undefined);
    socket.on('message', (payload, { address, port }) =>
      received(payload, { host: address, port }),
    );
    return {
      send: (payload, { host, port }) => {
        if (isClosed || port === 0) return;
        socket.send(payload, port, host, () => undefined);
      },
      close: () => {
        if (isClosed) return;
        isClosed = true;
        socket.close();
      },
    };
  }
}
