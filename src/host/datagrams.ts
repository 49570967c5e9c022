/** Small messages that may be lost: heartbeats, on a path of their own beside the channel (§2.3). */
export interface Datagrams {
  /** `host:port` as bound; peers send here. */
  readonly address: string;
  send(to: string, message: Uint8Array): void;
  close(): void;
}
export type DatagramReceived = (message: Uint8Array, from: string) => void;
