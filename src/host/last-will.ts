/**
 * A message that is sent for this process when it dies without a goodbye (a term of MQTT). Whoever
 * hears it need not wait until the kernel, done with the memory of the dead, closes its links.
 */
export interface LastWill {
  /** `message` goes to `to`, `host:port`, as a datagram. It may be lost, and no second one comes. */
  add(to: string, message: string): void;
}
