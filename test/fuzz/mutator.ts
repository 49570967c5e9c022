import type { Prng } from '../../src/sim/prng.js';

/** Where parsers count wrong: edges of their integers, signs, and sizes nobody has. */
const edges = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000];
const wideEdges = [...edges, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x1fffffe, 0x10000000];

export function randomBytes(chance: Prng, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => chance.whole(0, 255));
}

/** A sample, damaged in up to eight places; once in a while bytes that were never a sample. */
export function mutateBytes(
  chance: Prng,
  samples: readonly Uint8Array[],
  { damagesMax = 8, bytesMax = 4096 } = {},
): Uint8Array {
  if (chance.chance(0.03)) return randomBytes(chance, chance.whole(0, 300));
  let bytes = Uint8Array.from(chance.pick(samples));
  const damages = chance.whole(0, damagesMax);
  for (let damage = 0; damage < damages; damage += 1) {
    bytes = damageOnce(chance, bytes, samples);
    if (bytes.byteLength > bytesMax) bytes = bytes.subarray(0, bytesMax);
  }
  return bytes;
}

type Bytes = Uint8Array<ArrayBuffer>;

function damageOnce(chance: Prng, bytes: Bytes, samples: readonly Uint8Array[]): Bytes {
  const length = bytes.byteLength;
  if (length === 0) return Uint8Array.of(chance.whole(0, 255));
  const at = chance.whole(0, length - 1);
  const end = chance.whole(at, Math.min(length, at + chance.pick([1, 4, 16, 256])));
  switch (chance.whole(0, 8)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.whole(0, 7));
      return bytes;
    case 1:
      bytes[at] = chance.whole(0, 255);
      return bytes;
    case 2:
      return writeEdge(chance, bytes, at);
    case 3:
      return bytes.slice(0, at);
    case 4:
      return joined(bytes.subarray(0, at), bytes.subarray(end));
    case 5:
      return joined(bytes.subarray(0, at), randomBytes(chance, end - at), bytes.subarray(at));
    case 6:
      return joined(bytes.subarray(0, end), bytes.subarray(at));
    case 7: {
      const other = chance.pick(samples);
      return joined(bytes.subarray(0, at), other.subarray(chance.whole(0, other.byteLength)));
    }
    default:
      bytes.fill(chance.pick([0, 0xff, 0xdd, 0x91]), at, end);
      return bytes;
  }
}

function writeEdge(chance: Prng, bytes: Bytes, at: number): Bytes {
  const view = new DataView(bytes.buffer);
  const isLittle = chance.chance(0.5);
  const rest = bytes.byteLength - at;
  if (rest >= 8 && chance.chance(0.2)) {
    view.setFloat64(at, chance.pick([NaN, Infinity, -1, 2 ** 53, 2 ** 64, 0.5]), isLittle);
  } else if (rest >= 4 && chance.chance(0.6)) {
    view.setUint32(at, chance.pick(wideEdges), isLittle);
  } else if (rest >= 2) {
    view.setUint16(at, chance.pick(edges), isLittle);
  }
  return bytes;
}

/** What a field may be that is not what it should be. */
const strangers: readonly (() => unknown)[] = [
  () => null,
  () => true,
  () => '',
  () => 'constructor',
  () => '__proto__',
  () => '\u0000',
  () => 'x'.repeat(70_000),
  () => [],
  () => [[]],
  () => ({}),
  () => ({ kind: 'toString', length: 2 ** 32 - 1 }),
  () => deepMark,
];
const numbers = [0, -0, -1, 0.5, 255, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 1e308, -(2 ** 63)];

/** Stands for nesting deeper than any recursion a stack holds; see `jsonOf`. */
const deepMark = '@deep';
const deepJson = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;

/** The text of a mutated value; once in a while damaged as a text, too. */
export function jsonOf(chance: Prng, value: unknown): string {
  const text = (JSON.stringify(value) ?? '').replace(`"${deepMark}"`, deepJson);
  return chance.chance(0.2) ? mutateText(chance, [text]) : text;
}

/** The value with some of its parts replaced, left out, doubled or put elsewhere. */
export function mutateValue(chance: Prng, value: unknown): unknown {
  let result = value;
  for (let damage = chance.whole(0, 3); damage > 0; damage -= 1) {
    result = replaceOnce(chance, result);
  }
  return result;
}

function replaceOnce(chance: Prng, value: unknown): unknown {
  const isBranch = typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
  const keys = isBranch ? Object.keys(value) : [];
  if (keys.length === 0 || chance.chance(0.05)) return stranger(chance, value);
  const key = chance.pick(keys);
  const copy: Record<string, unknown> = Array.isArray(value)
    ? (value.slice() as unknown as Record<string, unknown>)
    : { ...value };
  if (chance.chance(0.15)) delete copy[key];
  else if (chance.chance(0.1)) copy[chance.pick(keys)] = copy[key];
  else if (chance.chance(0.05)) copy['extra'] = stranger(chance, null);
  else copy[key] = replaceOnce(chance, copy[key]);
  return copy;
}

function stranger(chance: Prng, value: unknown): unknown {
  if (value instanceof Uint8Array && chance.chance(0.5)) return mutateBytes(chance, [value]);
  if (typeof value === 'string' && chance.chance(0.5)) return mutateText(chance, [value]);
  return chance.chance(0.4) ? chance.pick(numbers) : chance.pick(strangers)();
}

export function mutateText(chance: Prng, samples: readonly string[]): string {
  const bytes = mutateBytes(
    chance,
    samples.map((sample) => encoder.encode(sample)),
  );
  return new TextDecoder().decode(bytes);
}

const encoder = new TextEncoder();

export function joined(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}
