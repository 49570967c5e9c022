/** SHA-256 of some bytes: whether two hosts have the same, without sending them. */
export type Digest = (data: Uint8Array) => Promise<Uint8Array>;
