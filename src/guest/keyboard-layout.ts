/**
 * What to press on a PC's keyboard (US layout) for what a terminal sends.
 *
 * Shape:  scan codes of set 1, presses and releases, for one key after the other.
 */
export function keysOf(typed: Uint8Array): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (let at = 0; at < typed.length;) {
    const { key, length } = keyAt(typed, at);
    if (key) keys.push(Uint8Array.from(key));
    at += length;
  }
  return keys;
}

interface Found {
  /** Null: no key of this keyboard. */
  readonly key: readonly number[] | null;
  readonly length: number;
}

function keyAt(typed: Uint8Array, at: number): Found {
  const first = typed[at] ?? 0;
  if (first !== escape) return { key: charKey(first), length: 1 };
  const rest = String.fromCharCode(...typed.subarray(at + 1, at + 1 + sequenceLengthMax));
  const sequence = /^(\[\[[A-E]|[[O][0-9;]*[A-Za-z~])/.exec(rest)?.[0];
  if (sequence !== undefined) {
    const code = sequenceKeys.get(sequence);
    return { key: code === undefined ? null : press(code), length: 1 + sequence.length };
  }
  const next = typed[at + 1];
  // Nothing follows: the key itself. A terminal sends an escape before what is typed with Alt.
  if (next === undefined || next === escape) return { key: press(escapeKey), length: 1 };
  const key = charKey(next);
  return { key: key && hold(leftAlt, key), length: 2 };
}

function charKey(byte: number): number[] | null {
  const char = String.fromCharCode(byte);
  const direct = controlKeys.get(byte) ?? plainKeys.get(char);
  if (direct !== undefined) return press(direct);
  const shifted = shiftedKeys.get(char);
  if (shifted !== undefined) return hold(leftShift, press(shifted));
  // Ctrl-A is 1, Ctrl-Z is 26, and so on to Ctrl-_.
  const letter = plainKeys.get(String.fromCharCode(byte | 0x40).toLowerCase());
  return byte > 0 && byte < 0x20 && letter !== undefined ? hold(leftControl, press(letter)) : null;
}

/** Codes above 0xFF have the prefix of the keys that the first PC did not have. */
function press(code: number): number[] {
  const byte = code & 0xff;
  return code > 0xff ? [extended, byte, extended, byte | released] : [byte, byte | released];
}
function hold(modifier: number, keys: readonly number[]): number[] {
  return [modifier, ...keys, modifier | released];
}

const escape = 0x1b;
const sequenceLengthMax = 8;
const extended = 0xe0;
const released = 0x80;
const leftShift = 0x2a;
const leftControl = 0x1d;
const leftAlt = 0x38;
const escapeKey = 0x01;

/** The rows of the keyboard, each with the scan code of its first key. */
const rows: readonly (readonly [first: number, plain: string, shifted: string])[] = [
  [0x02, '1234567890-=', '!@#$%^&*()_+'],
  [0x10, 'qwertyuiop[]', 'QWERTYUIOP{}'],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, '\\zxcvbnm,./', '|ZXCVBNM<>?'],
  [0x39, ' ', ''],
];
const codesOf = (which: 1 | 2): Map<string, number> =>
  new Map(rows.flatMap((row) => [...row[which]].map((char, i) => [char, row[0] + i] as const)));
const plainKeys = codesOf(1);
const shiftedKeys = codesOf(2);

/** Tab, Enter (as both of its characters) and Backspace (as both). */
const controlKeys = new Map([
  [0x09, 0x0f],
  [0x0d, 0x1c],
  [0x0a, 0x1c],
  [0x7f, 0x0e],
  [0x08, 0x0e],
]);

const functionKeys = [0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x57, 0x58];
const sequenceKeys = new Map<string, number>([
  ...Object.entries({ A: 0xe048, B: 0xe050, C: 0xe04d, D: 0xe04b, H: 0xe047, F: 0xe04f }).flatMap(
    ([letter, code]) => [[`[${letter}`, code] as const, [`O${letter}`, code] as const],
  ),
  ['[1~', 0xe047],
  ['[2~', 0xe052],
  ['[3~', 0xe053],
  ['[4~', 0xe04f],
  ['[5~', 0xe049],
  ['[6~', 0xe051],
  ...['OP', 'OQ', 'OR', 'OS'].map((name, i) => [name, functionKeys[i] ?? 0] as const),
  ...['[[A', '[[B', '[[C', '[[D', '[[E'].map((name, i) => [name, functionKeys[i] ?? 0] as const),
  ...[11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24].map(
    (number, i) => [`[${number}~`, functionKeys[i] ?? 0] as const,
  ),
]);
