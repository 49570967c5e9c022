/** A field of a JSON file is not what it has to be. The error of the file names the path to it. */
export class JsonFieldError extends Error {
  constructor(field: string, expected: string, found: unknown) {
    super(`${field} should be ${expected}, it is ${shown(found)}`);
  }
}

/** A list or an object by its kind alone: one nested deeply enough cannot be put into words. */
function shown(found: unknown): string {
  if (found === undefined) return 'missing';
  if (Array.isArray(found)) return 'a list';
  if (typeof found === 'object' && found !== null) return 'an object';
  return JSON.stringify(found).slice(0, 80);
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function objectField(field: string, value: unknown): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new JsonFieldError(field, 'an object', value);
}

export function listField(field: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new JsonFieldError(field, 'a list', value);
}

export function textField(field: string, value: unknown, pattern?: RegExp): string {
  if (typeof value === 'string' && (pattern?.test(value) ?? true)) return value;
  throw new JsonFieldError(field, pattern ? `a text like ${pattern.source}` : 'a text', value);
}

export function flagField(field: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new JsonFieldError(field, 'true or false', value);
}

/** A whole number from `min` to `max`. */
export function wholeField(field: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw new JsonFieldError(field, `a whole number from ${min} to ${max}`, value);
}

export function choiceField<Choice extends string>(
  field: string,
  value: unknown,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new JsonFieldError(field, choices.join(' or '), value);
}

export function nullable<T>(
  field: string,
  value: unknown,
  read: (field: string, value: unknown) => T,
): T | null {
  return value === null ? null : read(field, value);
}
