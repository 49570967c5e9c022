import type { AlarmQueue } from './alarm-queue.js';
import type {
  GuestService,
  HostAddress,
  HostNetwork,
  HostStream,
  HostStreamHandlers,
} from './host-network.js';
import type { IpOutput, TcpAddresses } from './ip-output.js';
import { formatIp, type Ipv4Address } from './ipv4-address.js';
import type { Ipv4Packet } from './ipv4-packet.js';
import { TcpRelay, type RelayStatus } from './tcp-relay.js';
import { TcpStack, type AcceptGuest, type TcpStackOptions } from './tcp-stack.js';

/** Each takes a socket of the host, which has other uses for them. */
const OUTBOUND_MAX = 4_096;
const SHOWN_MAX = 1_000;

/** TCP between guests and the host: clients of forwards, and connections that guests open. */
export class TcpRelays {
  readonly #network: HostNetwork;
  readonly #gatewayIp: Ipv4Address;
  readonly #target: (to: TcpAddresses) => HostAddress | null;
  readonly #stack: TcpStack;
  readonly #relays = new Set<TcpRelay>();
  #outboundCount = 0;
  #tooMany = 0;

  /** `target` says where the host connects on behalf of a guest; null refuses. */
  constructor(
    alarms: AlarmQueue,
    output: IpOutput,
    network: HostNetwork,
    gatewayIp: Ipv4Address,
    options: TcpStackOptions,
    target: (to: TcpAddresses) => HostAddress | null,
  ) {
    this.#network = network;
    this.#gatewayIp = gatewayIp;
    this.#target = target;
    this.#stack = new TcpStack(alarms, output, options, (to) => this.#acceptGuest(to));
  }

  /** Connections, those in TIME_WAIT included. */
  get size(): number {
    return this.#stack.size;
  }

  /** Takes a packet of a guest. */
  receive(packet: Ipv4Packet): void {
    this.#stack.receive(packet);
  }

  guestMoved(hasMoved: (ip: Ipv4Address) => boolean): void {
    this.#stack.guestMoved(hasMoved);
  }

  /** Joins a client of a forward with the guest's service. */
  relayClient(service: GuestService, stream: HostStream, from: string): HostStreamHandlers {
    const relay = this.#newRelay(`${from} → ${formatIp(service.ip)}:${service.port}`);
    relay.join({ stream });
    const connection = this.#stack.connect(service, this.#gatewayIp, relay.forGuest);
    if (connection === null) {
      this.#tooMany += 1;
      relay.abort();
    } else {
      relay.join({ connection });
    }
    return relay.forHost;
  }

  /** The oldest thousand. */
  status(): RelayStatus[] {
    return [...this.#relays].slice(0, SHOWN_MAX).map((relay) => relay.status());
  }

  dropped(): Record<string, number> {
    return {
      tcpMalformed: this.#stack.malformed,
      tcpOfNoConnection: this.#stack.resets,
      tooManyConnections: this.#tooMany,
    };
  }

  /** Cuts every connection: clients of the host see a reset, guests hear nothing. */
  close(): void {
    this.#stack.close();
    for (const relay of [...this.#relays]) relay.abort();
  }

  #acceptGuest(to: TcpAddresses): ReturnType<AcceptGuest> {
    const target = this.#target(to);
    if (target === null) return null;
    if (this.#outboundCount >= OUTBOUND_MAX) {
      this.#tooMany += 1;
      return null;
    }
    this.#outboundCount += 1;
    const from = `${formatIp(to.guestIp)}:${to.guestPort}`;
    const name = `${from} → ${target.host}:${target.port}`;
    const relay = this.#newRelay(name, () => (this.#outboundCount -= 1));
    return {
      handlers: relay.forGuest,
      opened: (connection) => {
        relay.join({ connection });
        relay.join({ stream: this.#network.connect(target, relay.forHost) });
      },
    };
  }

  #newRelay(name: string, onEnd = (): void => undefined): TcpRelay {
    const relay = new TcpRelay(name, (ended) => {
      this.#relays.delete(ended);
      onEnd();
    });
    this.#relays.add(relay);
    return relay;
  }
}
