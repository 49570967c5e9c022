import { LogCorruptError } from './log-corrupt-error.js';

/**
 * Checks of decoded data, one line per field: each returns the value as what it is, or throws
 * `LogCorruptError` with the name of the field.
 */
export const shape = {
  list(value: unknown, what: string, length?: number): readonly unknown[] {
    if (!Array.isArray(value)) throw wrong(value, what, 'a list');
    if (length !== undefined && value.length !== length) {
      throw new LogCorruptError(`${what} has ${value.length} fields instead of ${length}`);
    }
    return value;
  },
  natural(value: unknown, what: string): number {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw wrong(value, what, 'a whole number');
    }
    return value;
  },
  /** A number that is not NaN, infinite or negative: an instant of guest time. */
  /** Of either sign. */
  whole(value: unknown, what: string): number {
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      throw wrong(value, what, 'a whole number');
    }
    return value;
  },
  instant(value: unknown, what: string): number {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw wrong(value, what, 'a point in time');
    }
    return value;
  },
  flag(value: unknown, what: string): boolean {
    if (typeof value !== 'boolean') throw wrong(value, what, 'true or false');
    return value;
  },
  text(value: unknown, what: string): string {
    if (typeof value !== 'string') throw wrong(value, what, 'a text');
    return value;
  },
  bytes(value: unknown, what: string): Uint8Array {
    if (!(value instanceof Uint8Array)) throw wrong(value, what, 'bytes');
    return value;
  },
  map(value: unknown, what: string): Readonly<Record<string, unknown>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw wrong(value, what, 'a map');
    }
    return value as Record<string, unknown>;
  },
};

function wrong(value: unknown, what: string, wanted: string): LogCorruptError {
  return new LogCorruptError(`${what} is ${value === null ? 'null' : typeof value}, not ${wanted}`);
}
