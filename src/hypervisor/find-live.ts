import type { GenerationRecord, ReplicaId, ReplicaIdentity } from '../arbiter/generation-record.js';
import type { HolderProbe } from '../host/holder-probe.js';

/** `live`: that one, or it is about to be. `silent`: each of these may be. */
export type LiveFound =
  | { readonly kind: 'live'; readonly replica: ReplicaIdentity }
  | { readonly kind: 'silent'; readonly replicas: readonly ReplicaIdentity[] }
  | { readonly kind: 'gone' };

/**
 * Asks who is live in the latest generation: its holder; and if that one claimed it ahead, the old
 * primary before, which goes on unless it has said goodbye (role/reservation.ts).
 *
 * Shape:  the old primary says what it is: after a switch-over its process may stay, as a backup. `self`
 *         is not live, or it would not ask.
 */
export async function findLive(
  probe: HolderProbe,
  { holder, handedOverBy }: GenerationRecord,
  self: ReplicaId | null = null,
): Promise<LiveFound> {
  const silent: ReplicaIdentity[] = [];
  if (handedOverBy && handedOverBy.replica !== self) {
    const old = await probe.mayGoLive(handedOverBy);
    if (old === 'yes') return { kind: 'live', replica: handedOverBy };
    if (old === 'silent') silent.push(handedOverBy);
  }
  const found = holder.replica === self ? 'gone' : await probe.probe(holder);
  if (found === 'live') return { kind: 'live', replica: holder };
  if (found === 'silent') silent.push(holder);
  return silent.length > 0 ? { kind: 'silent', replicas: silent } : { kind: 'gone' };
}

/** `process 12 on a, or process 7 on b`. */
export function processWords(replicas: readonly ReplicaIdentity[]): string {
  return replicas.map(({ pid, host }) => `process ${pid} on ${host}`).join(', or ');
}
