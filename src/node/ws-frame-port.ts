import type { Clock } from '../host/clock.js';
import type { Link, LinkEnd } from '../host/link.js';
import type { FramePort, FramePortHandlers, FramePortStatus } from '../network/frame-port.js';
import { FrameQueue } from '../network/frame-queue.js';
import { unreachable } from '../unreachable.js';
import { WsConnector } from './ws-connector.js';

export interface WsFramePortOptions {
  /** Waits this long before the first attempt to come back, twice as long before each next one. */
  readonly retryMsMin?: number;
  readonly retryMsMax?: number;
  /** Frames kept while the cable is out. */
  readonly waitingFramesMax?: number;
  /** More than this not yet taken by the operating system, and new frames are dropped. */
  readonly queueBytesMax?: number;
}

const MESSAGE_BYTES_MAX = 64 * 1024;
const WAITING_BYTES_MAX = 512 * 1024;

/**
 * A cable to a switch over a WebSocket, at `ws://host:port`; a websockproxy relay will do as well.
 * It plugs itself in again when the switch comes back.
 */
export class WsFramePort implements FramePort {
  readonly #clock: Clock;
  readonly #connector: WsConnector;
  readonly #url: string;
  readonly #handlers: FramePortHandlers;
  readonly #retryMsMin: number;
  readonly #retryMsMax: number;
  readonly #queueBytesMax: number;
  readonly #waiting: FrameQueue;
  #retryMs: number;
  #link: Link | null = null;
  #isUp = false;
  /** The handlers know how it is with the cable: in, or out from the start. */
  #isTold = false;
  #isClosed = false;
  #cancelRetry: () => void = () => undefined;
  #sentFrames = 0;
  #receivedFrames = 0;
  #droppedFrames = 0;
  #connectCount = 0;

  constructor(
    clock: Clock,
    url: string,
    handlers: FramePortHandlers,
    options: WsFramePortOptions = {},
  ) {
    this.#clock = clock;
    this.#url = url;
    this.#handlers = handlers;
    this.#retryMsMin = options.retryMsMin ?? 20;
    this.#retryMsMax = options.retryMsMax ?? 1_000;
    this.#retryMs = this.#retryMsMin;
    this.#queueBytesMax = options.queueBytesMax ?? 1024 * 1024;
    const framesMax = options.waitingFramesMax ?? 256;
    this.#waiting = new FrameQueue({ framesMax, bytesMax: WAITING_BYTES_MAX });
    this.#connector = new WsConnector({ subprotocol: null, messageBytesMax: MESSAGE_BYTES_MAX });
    this.#connect();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  send(frame: Uint8Array): void {
    const link = this.#link;
    if (this.#isClosed) return;
    if (!this.#isUp || link === null) {
      this.#droppedFrames += this.#waiting.push(frame);
      return;
    }
    if (link.bufferedBytes() + frame.byteLength > this.#queueBytesMax) {
      this.#droppedFrames += 1;
      return;
    }
    this.#sentFrames += 1;
    link.send(frame);
  }

  status(): FramePortStatus {
    return {
      isUp: this.#isUp,
      sentFrames: this.#sentFrames,
      receivedFrames: this.#receivedFrames,
      droppedFrames: this.#droppedFrames,
      connectCount: this.#connectCount,
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#isUp = false;
    this.#cancelRetry();
    this.#waiting.takeAll();
    this.#link?.close();
    this.#link = null;
  }

  #connect(): void {
    this.#link = this.#connector.connect(this.#url, {
      opened: () => this.#opened(),
      received: (frame) => this.#received(frame),
      ended: (how) => this.#ended(how),
    });
  }

  #opened(): void {
    if (this.#isClosed) return;
    this.#isUp = true;
    this.#isTold = true;
    this.#connectCount += 1;
    this.#retryMs = this.#retryMsMin;
    // The announcement goes first: the switch then knows where answers to the rest belong.
    this.#handlers.up();
    for (const frame of this.#waiting.takeAll()) this.send(frame);
  }

  #received(frame: Uint8Array): void {
    if (this.#isClosed) return;
    this.#receivedFrames += 1;
    this.#handlers.frameReceived(frame);
  }

  #ended(how: LinkEnd): void {
    const isNews = this.#isUp || !this.#isTold;
    this.#isUp = false;
    this.#link = null;
    if (this.#isClosed) return;
    this.#isTold = true;
    if (isNews) this.#handlers.down(wordsOf(how));
    this.#cancelRetry = this.#clock.after(this.#retryMs, () => this.#connect());
    this.#retryMs = Math.min(this.#retryMsMax, this.#retryMs * 2);
  }
}

function wordsOf(how: LinkEnd): string {
  switch (how.kind) {
    case 'refused':
      return 'nobody listens there';
    case 'closed':
      return 'the switch ended the link';
    case 'unreachable':
    case 'protocol':
      return how.why;
    default:
      return unreachable(how);
  }
}
