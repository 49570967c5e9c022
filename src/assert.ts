/**
 * A broken invariant is a bug: it stops the host, in production too, because a backup that takes
 * over beats a primary that limps.
 */
export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new Error(`bug: ${why}`);
}
