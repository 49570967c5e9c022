import { getServers } from 'node:dns';
import { isIPv6 } from 'node:net';
import { FtvmError } from '../errors.js';
import type { Diagnostics } from '../host/diagnostics.js';
import { formatForward, type ForwardRule } from '../network/forward-rule.js';
import { addressesIn } from '../network/gateway-addresses.js';
import { Gateway, type GatewayStatus } from '../network/gateway.js';
import type { HostAddress } from '../network/host-network.js';
import { isInSubnet, type Subnet } from '../network/ipv4-address.js';
import type { UplinkAddress } from '../network/uplink-address.js';
import { VirtualSwitch, type PortStatus } from '../network/virtual-switch.js';
import { DatagramForward } from './datagram-forward.js';
import { FrameCapture } from './frame-capture.js';
import type { HostPort } from './host-port.js';
import { HttpListener, type HttpResponse } from './http-listener.js';
import { NodeClock } from './node-clock.js';
import { NodeEntropy } from './node-entropy.js';
import { NodeHostNetwork } from './node-host-network.js';
import { StreamForward } from './stream-forward.js';
import { StreamUplink } from './stream-uplink.js';
import { ForwardError, ForwardGuestError } from './switch-error.js';
import { serveSwitch } from './ws-switch-server.js';

export interface SwitchHostOptions {
  readonly listen: HostPort;
  readonly subnet: Subnet;
  readonly forwards: readonly ForwardRule[];
  readonly uplink: UplinkAddress | null;
  /** Whether the built-in gateway is on the switch. */
  readonly gateway: boolean;
  readonly outbound: boolean;
  readonly hostLoopback: boolean;
  /** Null takes the host's own first one. */
  readonly resolver: HostAddress | null;
  /** Where every frame is kept for a packet analyser; null keeps none. */
  readonly capture: string | null;
}

export interface SwitchStatus {
  readonly url: string;
  readonly forwards: readonly ForwardRule[];
  readonly addressCount: number;
  readonly ports: readonly PortStatus[];
  /** Null when the gateway is off. */
  readonly gateway: GatewayStatus | null;
  readonly uplink: { readonly isUp: boolean } | null;
}

/** The name of a gateway's port in the status. */
const GATEWAY_NAME = 'gateway';

/**
 * Everything a switch process has open: its port for guests, the gateway, forwards and the uplink.
 *
 * Errors: `open` rejects with one of `listen-error.ts`, or one that names the forward it is about;
 *         nothing stays open then.
 */
export class SwitchHost {
  /** Where guests and replicas attach: `ws://host:port`. */
  readonly url: string;
  /** The forwards with the ports really bound. */
  readonly forwards: ForwardRule[] = [];
  readonly #switch: VirtualSwitch;
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #gateway: Gateway | null;
  #uplink: StreamUplink | null = null;

  static async open(diagnostics: Diagnostics, options: SwitchHostOptions): Promise<SwitchHost> {
    const http = await HttpListener.listen(diagnostics, options.listen);
    let host: SwitchHost;
    try {
      host = new SwitchHost(http, diagnostics, options);
    } catch (error) {
      await http.close();
      throw error;
    }
    try {
      for (const rule of options.forwards) await host.#forward(rule, options.subnet);
    } catch (error) {
      await host.close();
      throw error;
    }
    if (options.uplink) host.#attachUplink(diagnostics, options.uplink);
    return host;
  }

  private constructor(http: HttpListener, diagnostics: Diagnostics, options: SwitchHostOptions) {
    const clock = new NodeClock();
    const capture = options.capture ? new FrameCapture(clock, diagnostics, options.capture) : null;
    if (capture) this.#closers.push(() => capture.close());
    this.#closers.push(() => http.close());
    this.#switch = new VirtualSwitch(
      clock,
      (mac) => this.#gateway?.guestMoved(mac),
      capture && ((port, frame) => capture.frame(port, frame)),
    );
    this.#gateway = options.gateway ? this.#openGateway(clock, options) : null;
    const server = serveSwitch(http, this.#switch);
    this.#closers.push(() => server.close());
    this.url = server.endpoint;
    http.serve((method, path) => this.#answer(method, path));
  }

  status(): SwitchStatus {
    return {
      url: this.url,
      forwards: this.forwards,
      addressCount: this.#switch.addressCount,
      ports: this.#switch.ports(),
      gateway: this.#gateway?.status() ?? null,
      uplink: this.#uplink ? { isUp: this.#uplink.isUp } : null,
    };
  }

  /** Last opened, first closed: clients of forwards see a reset, guests a cable that is out. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  #openGateway(clock: NodeClock, options: SwitchHostOptions): Gateway {
    const addresses = addressesIn(options.subnet);
    const resolver = options.resolver ?? hostResolver();
    const outbound = { isOpen: options.outbound, hostLoopback: options.hostLoopback, resolver };
    const gateway = new Gateway(
      clock,
      new NodeEntropy(),
      new NodeHostNetwork(),
      { addresses, outbound },
      (frame) => port.receive(frame),
    );
    const outlet = {
      send: (frame: Uint8Array) => gateway.receive(frame),
      bufferedBytes: () => 0,
    };
    const port = this.#switch.attach(outlet, { name: GATEWAY_NAME, ownMac: addresses.mac });
    this.#closers.push(() => gateway.close());
    return gateway;
  }

  async #forward(rule: ForwardRule, subnet: Subnet): Promise<void> {
    const gateway = this.#gateway;
    if (gateway === null) return;
    const ip = rule.guestIp ?? addressesIn(subnet).guest;
    if (!isInSubnet(ip, subnet)) throw new ForwardGuestError(formatForward(rule), subnet);
    const service = { ip, port: rule.guestPort };
    try {
      const forward =
        rule.protocol === 'tcp'
          ? await StreamForward.listen(rule, gateway.acceptFor(service))
          : await DatagramForward.listen(rule, (client, payload, reply) =>
              gateway.receiveDatagram(client, service, payload, reply),
            );
      this.#closers.push(() => forward.close());
      this.forwards.push({ ...rule, port: forward.address.port });
    } catch (error) {
      throw error instanceof FtvmError ? new ForwardError(formatForward(rule), error) : error;
    }
  }

  #attachUplink(diagnostics: Diagnostics, address: UplinkAddress): void {
    const uplink = new StreamUplink(new NodeClock(), diagnostics, this.#switch, address);
    this.#uplink = uplink;
    this.#closers.push(() => uplink.close());
  }

  #answer(method: string, path: string): HttpResponse | null {
    if (method !== 'GET' || path !== '/status') return null;
    return { status: 200, type: 'application/json', body: `${JSON.stringify(this.status())}\n` };
  }
}

/** The resolver of the host's configuration: `address`, `address:port` or `[address]:port`. */
function hostResolver(): HostAddress | null {
  const [first] = getServers();
  if (first === undefined) return null;
  if (isIPv6(first)) return { host: first, port: 53 };
  const [, bracketed, plain, port = '53'] =
    /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(first) ?? [];
  const host = bracketed ?? plain;
  return host === undefined ? null : { host, port: Number(port) };
}
