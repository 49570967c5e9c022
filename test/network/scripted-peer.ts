import { AlarmQueue } from '../../src/network/alarm-queue.js';
import { TcpConnection } from '../../src/network/tcp-connection.js';
import type { OutgoingSegment } from '../../src/network/tcp-outlet.js';
import { tcpFlag, type TcpSegment } from '../../src/network/tcp-segment.js';
import { defaultTcpSettings, type TcpSettings } from '../../src/network/tcp-settings.js';
import { Application } from './tcp-host.js';
import type { VirtualClock } from './virtual-clock.js';

export const OUR_INITIAL = 0xffff_fff0; // wraps after 15 bytes
export const GUEST_INITIAL = 0xffff_ff00;

const { syn, ack, fin, rst } = tcpFlag;

/** A connection whose guest is played by the test, segment by segment. */
export class ScriptedPeer {
  readonly alarms: AlarmQueue;
  readonly application = new Application();
  readonly connection: TcpConnection;
  readonly sent: OutgoingSegment[] = [];
  isRemoved = false;

  constructor(clock: VirtualClock, settings: Partial<TcpSettings> = {}) {
    this.alarms = new AlarmQueue(clock);
    const outlet = {
      transmit: (segment: OutgoingSegment) => void this.sent.push(segment),
      removed: () => (this.isRemoved = true),
    };
    this.connection = new TcpConnection(
      this.alarms,
      { ...defaultTcpSettings, ...settings },
      OUR_INITIAL,
      outlet,
      this.application,
    );
    this.application.connection = this.connection;
  }

  /** Opens from our side and plays the guest's part of it. */
  establish(window = 60_000, windowShift: number | null = null): this {
    this.connection.connect();
    this.guest({ flags: syn | ack, at: 0, acked: 1, window, windowShift, mss: 1460 });
    this.take();
    return this;
  }

  /** A segment from the guest; positions count from its SYN, and ours. */
  guest(segment: {
    flags: number;
    at: number;
    acked?: number;
    data?: Uint8Array;
    window?: number;
    windowShift?: number | null;
    mss?: number | null;
  }): void {
    const full: TcpSegment = {
      sourcePort: 80,
      destinationPort: 20_000,
      sequence: (GUEST_INITIAL + segment.at) >>> 0,
      acknowledgment: (OUR_INITIAL + (segment.acked ?? 0)) >>> 0,
      flags: segment.flags,
      window: segment.window ?? 60_000,
      maximumSegmentBytes: segment.mss ?? null,
      windowShift: segment.windowShift ?? null,
      payload: segment.data ?? new Uint8Array(0),
    };
    this.connection.receive(full);
  }

  /** What was sent since the last call, in words: `PSH 1..101 ack 1`. */
  take(): string[] {
    return this.sent.splice(0).map((segment) => {
      const names = [
        [syn, 'SYN'],
        [rst, 'RST'],
        [fin, 'FIN'],
      ] as const;
      const flags = names.filter(([bit]) => (segment.flags & bit) !== 0).map(([, name]) => name);
      const from = (segment.sequence - OUR_INITIAL) | 0;
      const range =
        segment.payloadBytes > 0 ? `${from}..${from + segment.payloadBytes}` : `${from}`;
      const acked = (segment.acknowledgment - GUEST_INITIAL) | 0;
      const acks = (segment.flags & ack) !== 0 ? [`ack ${acked}`] : [];
      return [...flags, range, ...acks].join(' ');
    });
  }
}
