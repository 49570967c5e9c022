import type { HostStream, HostStreamHandlers } from './host-network.js';
import type { TcpConnection } from './tcp-connection.js';
import type { TcpEnd, TcpHandlers } from './tcp-handlers.js';

/** What a relay has moved, for `GET /status`. */
export interface RelayStatus {
  readonly name: string;
  readonly state: string;
  readonly toGuestBytes: number;
  readonly fromGuestBytes: number;
  readonly waitingForGuestBytes: number;
  readonly waitingForHostBytes: number;
  readonly retransmittedCount: number;
  readonly roundTripMs: number | null;
}

/**
 * Joins a connection of the guest with one of the host: data, ends and pauses of each reach the other.
 *
 * Shape:  it holds nothing itself; what one side does not take waits in the other's buffer, which
 *         is bounded, and whose owner is asked to pause.
 * Errors: an end that is not clean is passed on as one (RST).
 */
export class TcpRelay {
  readonly forGuest: TcpHandlers = {
    established: () => undefined,
    received: (data) => this.#fromGuest(data),
    guestFinished: () => this.#guestFinished(),
    drained: () => this.#stream?.resume(),
    closed: (how) => this.#guestClosed(how),
  };
  readonly forHost: HostStreamHandlers & { connected(): void } = {
    connected: () => this.#connection?.accept(),
    received: (data) => this.#fromHost(data),
    finished: () => this.#hostFinished(),
    drained: () => this.#hostDrained(),
    closed: (isClean) => this.#hostClosed(isClean),
  };
  readonly #name: string;
  readonly #ended: (relay: TcpRelay) => void;
  #connection: TcpConnection | null = null;
  #stream: HostStream | null = null;
  #unconsumedBytes = 0;
  #toGuestBytes = 0;
  #fromGuestBytes = 0;
  #isGuestFinished = false;
  #isHostFinished = false;
  #isGuestClosed = false;
  #isHostClosed = false;
  #isEnded = false;

  /** `ended` is told once, when neither side is left. */
  constructor(name: string, ended: (relay: TcpRelay) => void) {
    this.#name = name;
    this.#ended = ended;
  }

  /** Both sides, each as soon as it is there. */
  join(sides: { connection?: TcpConnection; stream?: HostStream }): void {
    if (sides.connection) this.#connection = sides.connection;
    if (sides.stream) this.#stream = sides.stream;
  }

  status(): RelayStatus {
    const connection = this.#connection;
    return {
      name: this.#name,
      state: connection?.state ?? 'opening',
      toGuestBytes: this.#toGuestBytes,
      fromGuestBytes: this.#fromGuestBytes,
      waitingForGuestBytes: connection?.sendBufferedBytes ?? 0,
      waitingForHostBytes: connection?.receiveBufferedBytes ?? 0,
      retransmittedCount: connection?.retransmittedCount ?? 0,
      roundTripMs: connection?.roundTripMs ?? null,
    };
  }

  /** Ends both sides at once. */
  abort(): void {
    this.#connection?.abort();
    this.#isGuestClosed = true;
    this.#stream?.abort();
    this.#isHostClosed = true;
    this.#settle();
  }

  #fromGuest(data: Uint8Array): void {
    this.#fromGuestBytes += data.byteLength;
    if (this.#stream?.write(data)) this.#connection?.consumed(data.byteLength);
    else this.#unconsumedBytes += data.byteLength;
  }

  #hostDrained(): void {
    const bytes = this.#unconsumedBytes;
    this.#unconsumedBytes = 0;
    if (bytes > 0) this.#connection?.consumed(bytes);
  }

  #fromHost(data: Uint8Array): void {
    this.#toGuestBytes += data.byteLength;
    if (this.#connection?.write(data) === false) this.#stream?.pause();
  }

  #guestFinished(): void {
    this.#isGuestFinished = true;
    this.#stream?.finish();
  }

  #hostFinished(): void {
    this.#isHostFinished = true;
    this.#connection?.finish();
  }

  #guestClosed(how: TcpEnd): void {
    this.#isGuestClosed = true;
    if (how !== 'finished') {
      this.#stream?.abort();
      this.#isHostClosed = true;
    }
    this.#settle();
  }

  #hostClosed(isClean: boolean): void {
    this.#isHostClosed = true;
    // With a clean end the FINs are on their way to the guest, or through already.
    if (!isClean || !this.#isHostFinished || !this.#isGuestFinished) {
      this.#connection?.abort();
      this.#isGuestClosed = true;
    }
    this.#settle();
  }

  #settle(): void {
    if (!this.#isGuestClosed || !this.#isHostClosed || this.#isEnded) return;
    this.#isEnded = true;
    this.#ended(this);
    this.#connection = null;
    this.#stream = null;
  }
}
