/** The last arm of a complete switch. It runs only if data from outside skipped its codec. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
