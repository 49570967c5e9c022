/** Chance of the host: names of replicas and VMs, seeds for guests. Never used inside a guest. */
export interface Entropy {
  bytes(count: number): Uint8Array;
}
