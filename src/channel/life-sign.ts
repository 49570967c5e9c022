import type { ReplicaId } from '../arbiter/generation-record.js';

/**
 * What comes to a replica's datagram port: a heartbeat of a peer, or its last will.
 *
 * ```
 * heartbeat   REPLICA
 * last will   died REPLICA WORD
 * ```
 * A forged heartbeat delays a verdict, a forged last will would bring one about: so a will has to say
 * a word that the receiver told its author on the logging channel, and nobody else.
 */
export type LifeSign =
  | { readonly kind: 'heartbeat'; readonly from: ReplicaId }
  | { readonly kind: 'lastWill'; readonly of: ReplicaId; readonly word: string };

export function heartbeatOf(replica: ReplicaId): Uint8Array {
  return new TextEncoder().encode(replica);
}

export function lastWillOf(replica: ReplicaId, word: string): string {
  return `died ${replica} ${word}`;
}

/** Every text is one or the other; who it is from is for the role to know. */
export function parseLifeSign(message: Uint8Array): LifeSign {
  const text = new TextDecoder().decode(message.subarray(0, bytesMax));
  const [died, of, word, ...more] = text.split(' ');
  if (died === 'died' && of !== undefined && word !== undefined && more.length === 0) {
    return { kind: 'lastWill', of, word };
  }
  return { kind: 'heartbeat', from: text };
}

const bytesMax = 256;
