import type { Ipv4Address } from './ipv4-address.js';

/** Where something listens on the host or beyond it. */
export interface HostAddress {
  readonly host: string;
  readonly port: number;
}

/** A TCP connection of the host's own kernel. Calls after its end do nothing. */
export interface HostStream {
  /** Takes the data, always; false asks for no more until `drained`. */
  write(data: Uint8Array): boolean;
  /** FIN, once everything written is out. The other direction goes on. */
  finish(): void;
  /** RST. */
  abort(): void;
  pause(): void;
  resume(): void;
}

export interface HostStreamHandlers {
  received(data: Uint8Array): void;
  /** The host's peer will send no more (FIN). */
  finished(): void;
  drained(): void;
  /** Exactly once, last. `isClean`: both directions had ended; otherwise it broke, or never opened. */
  closed(isClean: boolean): void;
}

/** Takes a connection that a client of the host opened, and says who is told about it. */
export type AcceptHostStream = (stream: HostStream, from: string) => HostStreamHandlers;

/** A UDP port of the host. What cannot be sent is lost. */
export interface HostDatagramSocket {
  send(payload: Uint8Array, to: HostAddress): void;
  close(): void;
}

export type HostDatagramReceived = (payload: Uint8Array, from: HostAddress) => void;

/** The network of the host as the gateway uses it on behalf of guests. */
export interface HostNetwork {
  /** The stream is returned at once; `connected` or `closed` follows. */
  connect(to: HostAddress, handlers: HostStreamHandlers & { connected(): void }): HostStream;
  openDatagrams(to: 'ipv4' | 'ipv6', received: HostDatagramReceived): HostDatagramSocket;
}

/** A guest's service, reached by way of a port of the host. */
export interface GuestService {
  readonly ip: Ipv4Address;
  readonly port: number;
}
