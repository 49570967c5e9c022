import type { V86Machine } from '../../src/vcpu/v86-machine.js';

// The machine's way to the world outside of it, and what is only there to be looked at.
const outside = new Set(['cpu', 'bus', 'wm', 'wasm_memory', 'jit_imports', 'screen']);
// Tables by I/O port or by block of memory.
const tableLengthMin = 1000;

/**
 * Every field of a machine's JavaScript, by its path: numbers, texts, arrays of bytes, and for the
 * handlers of I/O ports and memory-mapped devices which code they are.
 */
export function factsOf(machine: V86Machine): Map<string, unknown> {
  const facts = new Map<string, unknown>();
  const seen = new Set<unknown>();
  const note = (path: string, value: unknown): void => {
    if (typeof value === 'function') facts.set(path, codeOf(value));
    else if (typeof value !== 'object' || value === null) facts.set(path, value);
    else if (ArrayBuffer.isView(value)) {
      const { buffer, byteOffset, byteLength } = value;
      facts.set(path, Buffer.from(buffer, byteOffset, byteLength).toString('latin1'));
    } else if (value instanceof Map || value instanceof Set) {
      facts.set(path, JSON.stringify(Array.from(value as Iterable<unknown>, String)));
    } else if (Array.isArray(value) && value.length >= tableLengthMin) {
      facts.set(path, value.map(entryOf).join());
    } else if (!seen.has(value)) {
      seen.add(value);
      for (const [key, inner] of Object.entries(value)) {
        if (!outside.has(key)) note(`${path}.${key}`, inner);
      }
    }
  };
  note('cpu', machine.cpu);
  return facts;
}

/** An entry of a table: a handler, or all handlers of a port. */
function entryOf(entry: unknown): string {
  if (typeof entry === 'function') return String(codeOf(entry));
  const handlers = Object.values((entry ?? {}) as object).filter(
    (value) => typeof value === 'function',
  );
  return handlers.map(codeOf).join(' ');
}

const codes = new Map<string, number>();
const known = new WeakMap<object, number>();

/** A number for the source of a function: there are a hundred thousand handlers, of few kinds. */
function codeOf(handler: object): number {
  let code = known.get(handler);
  if (code !== undefined) return code;
  const source = String(handler);
  code = codes.get(source) ?? codes.size;
  codes.set(source, code);
  known.set(handler, code);
  return code;
}

/** Where the facts of one machine are not those of the other. */
export function differences(
  one: ReadonlyMap<string, unknown>,
  other: ReadonlyMap<string, unknown>,
): string[] {
  const paths = new Set([...one.keys(), ...other.keys()]);
  return [...paths].filter((path) => !Object.is(one.get(path), other.get(path)));
}

/** A copy of all linear memory: the guest's, and what v86 knows of its processor. */
export function linearMemoryOf({ cpu }: V86Machine): Buffer {
  return Buffer.from(cpu.wasm_memory.buffer.slice(0));
}
