/** What every connection of a stack has in common. Times are in ms, sizes in bytes. */
export interface TcpSettings {
  /** Largest payload we send and take: the MTU without the IP and TCP headers. */
  readonly segmentBytesMax: number;
  /** Host data that may wait, unsent or unacknowledged, before the host is asked to pause. */
  readonly sendBufferBytesMax: number;
  /** Guest data that may wait for the host: the widest window we ever offer. */
  readonly receiveBufferBytesMax: number;
  /** Windows we offer are in units of 2^this (RFC 7323). */
  readonly windowShift: number;
  readonly initialRtoMs: number;
  readonly rtoMsMin: number;
  readonly rtoMsMax: number;
  /** First retransmission timeout after the guest moved to another host. */
  readonly movedRtoMs: number;
  /** A lone segment is acknowledged this late, in the hope of an answer that carries the news. */
  readonly delayedAckMs: number;
  /** A SYN of ours that nobody answers, or a connection to the host that the guest waits for. */
  readonly connectMsMax: number;
  /** A guest that acknowledges nothing for so long is gone for good. */
  readonly silenceMsMax: number;
  readonly keepAliveMs: number;
  readonly timeWaitMs: number;
}

export const defaultTcpSettings: TcpSettings = {
  segmentBytesMax: 1460,
  // As much as a Linux guest of 128 MiB opens its window to: half of it is refilled while the other
  // half is on its way.
  sendBufferBytesMax: 512 * 1024,
  receiveBufferBytesMax: 256 * 1024,
  // 256 KiB in a field of 16 bits, to the nearest 8 bytes.
  windowShift: 3,
  initialRtoMs: 1_000,
  rtoMsMin: 200,
  // RFC 6298 (2.5) wants 60 s at least, for the sake of a congested network. Ours is one hop on this
  // machine, and after an outage somebody waits.
  rtoMsMax: 5_000,
  movedRtoMs: 50,
  delayedAckMs: 2,
  connectMsMax: 120_000,
  // A guest whose hosts all died may be started again by hand; a stopped one may be continued.
  silenceMsMax: 15 * 60_000,
  keepAliveMs: 60_000,
  // Twice a segment's life on one hop, where only our own queues delay anything.
  timeWaitMs: 10_000,
};
