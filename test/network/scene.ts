import { arpOperation, buildArpFrame, parseArp } from '../../src/network/arp-packet.js';
import { etherType, parseEthernet } from '../../src/network/ethernet-frame.js';
import { addressesIn } from '../../src/network/gateway-addresses.js';
import { Gateway, type GatewayOptions } from '../../src/network/gateway.js';
import type {
  HostAddress,
  HostDatagramReceived,
  HostDatagramSocket,
  HostNetwork,
  HostStream,
  HostStreamHandlers,
} from '../../src/network/host-network.js';
import { VirtualSwitch, type SwitchPort } from '../../src/network/virtual-switch.js';
import { Chance } from './chance.js';
import { TcpHost } from './tcp-host.js';
import { VirtualClock } from './virtual-clock.js';

export const addresses = addressesIn({ base: 0x0a00_0200, prefixBits: 24 });
export const GUEST_MAC = 0x5254_0012_3456;

/** A client or server on the host's side of a relay, played by the test. */
export class FakeStream implements HostStream {
  handlers: HostStreamHandlers | null = null;
  readonly written: Uint8Array[] = [];
  writtenBytes = 0;
  /** What `write` answers: false is a reader that does not read. */
  isTaking = true;
  isPaused = false;
  isFinished = false;
  isAborted = false;

  write(data: Uint8Array): boolean {
    this.written.push(data.slice());
    this.writtenBytes += data.byteLength;
    return this.isTaking;
  }
  finish(): void {
    this.isFinished = true;
  }
  abort(): void {
    this.isAborted = true;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  get text(): string {
    return Buffer.concat(this.written).toString();
  }
}

export class FakeDatagrams implements HostDatagramSocket {
  readonly sent: { payload: Uint8Array; to: HostAddress }[] = [];
  isClosed = false;
  constructor(readonly receive: HostDatagramReceived) {}
  send(payload: Uint8Array, to: HostAddress): void {
    this.sent.push({ payload: payload.slice(), to });
  }
  close(): void {
    this.isClosed = true;
  }
}

export class FakeNetwork implements HostNetwork {
  readonly connects: {
    to: HostAddress;
    handlers: HostStreamHandlers & { connected(): void };
    stream: FakeStream;
  }[] = [];
  readonly datagrams: FakeDatagrams[] = [];

  connect(to: HostAddress, handlers: HostStreamHandlers & { connected(): void }): HostStream {
    const stream = new FakeStream();
    this.connects.push({ to, handlers, stream });
    return stream;
  }
  openDatagrams(_to: 'ipv4' | 'ipv6', received: HostDatagramReceived): HostDatagramSocket {
    const socket = new FakeDatagrams(received);
    this.datagrams.push(socket);
    return socket;
  }
}

/** A guest with our TCP on a port of the switch; it answers ARP and nothing else by itself. */
export class SceneGuest {
  readonly tcp: TcpHost;
  readonly received: Uint8Array[] = [];
  port: SwitchPort | null = null;
  isDeaf = false;

  constructor(
    scene: Scene,
    readonly mac = GUEST_MAC,
    readonly ip = addresses.guest,
  ) {
    this.tcp = new TcpHost(scene.clock, ip, { ip: addresses.server, mac: addresses.mac });
    this.tcp.transmit = (frame) => {
      const own = frame.slice();
      own.set([0x52, 0x54, 0, 0x12, 0x34, mac & 255], 6);
      // A cable takes its time; without it the two stacks would call each other ever deeper.
      scene.clock.after(0.05, () => this.port?.receive(own));
    };
    this.plugIn(scene);
  }

  plugIn(scene: Scene, name = 'guest'): void {
    const outlet = { send: (frame: Uint8Array) => this.take(frame), bufferedBytes: () => 0 };
    this.port = scene.switch.attach(outlet, { name });
  }

  /** Sends a frame as it is. */
  send(frame: Uint8Array): void {
    // As they come from a socket: a Buffer, a view of something larger.
    this.port?.receive(Buffer.concat([Buffer.alloc(4), frame]).subarray(4));
  }

  take(frame: Uint8Array): void {
    if (this.isDeaf) return;
    this.received.push(frame);
    const ethernet = parseEthernet(frame);
    if (ethernet === null) return;
    if (ethernet.type === etherType.arp) return this.#answer(ethernet.payload);
    if (ethernet.type === etherType.ipv4 && ethernet.destination === this.mac) {
      this.tcp.receive(frame);
    }
  }

  #answer(payload: Uint8Array): void {
    const arp = parseArp(payload);
    if (arp?.operation !== arpOperation.request || arp.targetIp !== this.ip) return;
    this.send(
      buildArpFrame(arp.senderMac, {
        operation: arpOperation.reply,
        senderMac: this.mac,
        senderIp: this.ip,
        targetMac: arp.senderMac,
        targetIp: arp.senderIp,
      }),
    );
  }
}

/** A switch with its gateway, in virtual time, over a host that the test plays. */
export class Scene {
  readonly clock = new VirtualClock();
  readonly network = new FakeNetwork();
  readonly switch: VirtualSwitch;
  readonly gateway: Gateway;
  readonly gatewayPort: SwitchPort;
  readonly learned: number[] = [];

  constructor(options: Partial<GatewayOptions['outbound']> = {}) {
    const chance = new Chance(7);
    this.switch = new VirtualSwitch(this.clock, (mac) => {
      this.learned.push(mac);
      this.gateway.guestMoved(mac);
    });
    const outbound = { isOpen: true, hostLoopback: false, resolver: null, ...options };
    this.gateway = new Gateway(
      this.clock,
      { bytes: (count) => chance.bytes(count) },
      this.network,
      { addresses, outbound },
      (frame) => this.gatewayPort.receive(frame),
    );
    const outlet = {
      send: (frame: Uint8Array) => this.gateway.receive(frame),
      bufferedBytes: () => 0,
    };
    this.gatewayPort = this.switch.attach(outlet, { name: 'gateway', ownMac: addresses.mac });
  }

  /** A client of a forward to `port` of the default guest. */
  client(port: number): FakeStream {
    const stream = new FakeStream();
    const accept = this.gateway.acceptFor({ ip: addresses.guest, port });
    stream.handlers = accept(stream, `127.0.0.1:${40_000 + port}`);
    return stream;
  }
}
