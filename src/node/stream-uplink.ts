import { connect, type Socket } from 'node:net';
import type { Clock } from '../host/clock.js';
import type { Diagnostics } from '../host/diagnostics.js';
import { StreamFraming, streamHeader } from '../network/stream-framing.js';
import { formatUplink, type UplinkAddress } from '../network/uplink-address.js';
import type { FrameOutlet, SwitchPort, VirtualSwitch } from '../network/virtual-switch.js';
import { reasonOf } from './errno.js';

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 2_000;

/**
 * One more port of the switch: the socket of a user-mode network (passt, gvproxy) or of a QEMU, in
 * the framing of `-netdev stream`. It connects again when the other side comes back.
 */
export class StreamUplink implements FrameOutlet {
  readonly #clock: Clock;
  readonly #diagnostics: Diagnostics;
  readonly #address: UplinkAddress;
  readonly #switch: VirtualSwitch;
  #socket: Socket | null = null;
  #port: SwitchPort | null = null;
  #retryMs = RETRY_MS_MIN;
  #isClosed = false;
  #isUp = false;
  #isComplaintMade = false;
  #cancelRetry: () => void = () => undefined;

  constructor(
    clock: Clock,
    diagnostics: Diagnostics,
    virtualSwitch: VirtualSwitch,
    address: UplinkAddress,
  ) {
    this.#clock = clock;
    this.#diagnostics = diagnostics;
    this.#switch = virtualSwitch;
    this.#address = address;
    this.#connect();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  send(frame: Uint8Array): void {
    const socket = this.#socket;
    if (!this.#isUp || socket === null) return;
    socket.cork();
    socket.write(streamHeader(frame));
    socket.write(frame);
    socket.uncork();
  }

  bufferedBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRetry();
    this.#socket?.destroy();
  }

  #connect(): void {
    const { kind } = this.#address;
    const socket =
      kind === 'unix'
        ? connect({ path: this.#address.path })
        : connect({ host: this.#address.host, port: this.#address.port, noDelay: true });
    this.#socket = socket;
    let why = 'it closed the connection';
    const framing = new StreamFraming((frame) => this.#port?.receive(frame));
    socket.on('connect', () => this.#connected());
    socket.on('data', (chunk) => {
      if (framing.feed(chunk)) return;
      why = 'it does not speak the framing of -netdev stream';
      socket.destroy();
    });
    socket.on('error', (error) => (why = reasonOf(error)));
    socket.once('close', () => this.#closed(why));
  }

  #connected(): void {
    this.#isUp = true;
    this.#isComplaintMade = false;
    this.#retryMs = RETRY_MS_MIN;
    const name = formatUplink(this.#address);
    this.#port = this.#switch.attach(this, { name });
    this.#diagnostics.info('uplink is up', { uplink: name });
  }

  #closed(why: string): void {
    this.#isUp = false;
    this.#socket = null;
    this.#port?.detach();
    this.#port = null;
    if (this.#isClosed) return;
    // Once for each outage, not for each attempt.
    if (!this.#isComplaintMade) {
      this.#diagnostics.warn('uplink is down, trying again', {
        uplink: formatUplink(this.#address),
        why,
      });
    }
    this.#isComplaintMade = true;
    this.#cancelRetry = this.#clock.after(this.#retryMs, () => this.#connect());
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
  }
}
