import { AlarmQueue } from '../../src/network/alarm-queue.js';
import { parseEthernet } from '../../src/network/ethernet-frame.js';
import { IpOutput } from '../../src/network/ip-output.js';
import { parseIpv4 } from '../../src/network/ipv4-packet.js';
import { Neighbours } from '../../src/network/neighbours.js';
import type { TcpConnection } from '../../src/network/tcp-connection.js';
import type { TcpEnd, TcpHandlers } from '../../src/network/tcp-handlers.js';
import { parseTcp, type TcpSegment } from '../../src/network/tcp-segment.js';
import { defaultTcpSettings, type TcpSettings } from '../../src/network/tcp-settings.js';
import { TcpStack } from '../../src/network/tcp-stack.js';
import type { VirtualClock } from './virtual-clock.js';

/** What an application sees of a connection, written down. */
export class Application implements TcpHandlers {
  connection: TcpConnection | null = null;
  readonly chunks: Uint8Array[] = [];
  receivedBytes = 0;
  isEstablished = false;
  isGuestFinished = false;
  end: TcpEnd | null = null;
  /** Takes what it receives at once; otherwise the test calls `consumed`. */
  isReading = true;
  onDrained: () => void = () => undefined;
  onReceived: (data: Uint8Array) => void = () => undefined;

  established(): void {
    this.isEstablished = true;
  }
  received(data: Uint8Array): void {
    this.chunks.push(data.slice());
    this.receivedBytes += data.byteLength;
    if (this.isReading) this.connection?.consumed(data.byteLength);
    this.onReceived(data);
  }
  guestFinished(): void {
    this.isGuestFinished = true;
  }
  drained(): void {
    this.onDrained();
  }
  closed(how: TcpEnd): void {
    if (this.end !== null) throw new Error(`closed twice: ${this.end}, ${how}`);
    this.end = how;
  }
}

/** A host of one address with our TCP, on a cable. */
export class TcpHost {
  readonly alarms: AlarmQueue;
  readonly stack: TcpStack;
  readonly #neighbours: Neighbours;
  readonly #peerMac: number;
  /** Segments sent, oldest first, for a close look. */
  readonly trace: TcpSegment[] = [];
  isTracing = false;
  isRefusing = false;
  onConnection: (application: Application) => void = () => undefined;
  transmit: (frame: Uint8Array) => void = () => undefined;

  constructor(
    clock: VirtualClock,
    readonly ip: number,
    peer: { ip: number; mac: number },
    settings: Partial<TcpSettings> = {},
  ) {
    this.alarms = new AlarmQueue(clock);
    const send = (frame: Uint8Array): void => {
      if (this.isTracing) this.#note(frame);
      this.transmit(frame);
    };
    this.#peerMac = peer.mac;
    this.#neighbours = new Neighbours(this.alarms, () => undefined, send);
    this.#neighbours.heard(peer.ip, peer.mac);
    const output = new IpOutput(0x0200_0000_0000 + ip, this.#neighbours, send);
    const options = {
      settings: { ...defaultTcpSettings, ...settings },
      secret: ip,
      connectionsMax: 20_000,
    };
    this.stack = new TcpStack(this.alarms, output, options, () => {
      if (this.isRefusing) return null;
      const application = new Application();
      return {
        handlers: application,
        opened: (connection) => {
          application.connection = connection;
          this.onConnection(application);
          connection.accept();
        },
      };
    });
  }

  receive(frame: Uint8Array): void {
    const packet = parseIpv4(parseEthernet(frame)!.payload);
    if (packet !== null) this.stack.receive(packet);
  }

  /** Opens a connection, by way of the peer whatever the address. */
  open(to: { ip: number }, port: number): Application {
    this.#neighbours.heard(to.ip, this.#peerMac);
    const application = new Application();
    application.connection = this.stack.connect({ ip: to.ip, port }, this.ip, application);
    return application;
  }

  #note(frame: Uint8Array): void {
    const packet = parseIpv4(parseEthernet(frame)!.payload)!;
    this.trace.push(parseTcp(packet.payload, packet.source, packet.destination)!);
  }
}
