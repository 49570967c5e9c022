/** A field by its path from the devices, and what it holds; without a value it is `undefined`. */
type Field = readonly [path: string, value?: FieldValue];
type FieldValue = null | boolean | number | string | { readonly special: string } | FieldBytes;
interface FieldBytes {
  readonly bytes: readonly number[];
}

// The machine's way to the world outside of its devices.
const outside = new Set(['cpu', 'bus', 'io', 'screen', 'buffer']);
// Registers. What is larger (frame buffers, packet memory) v86 saves itself.
const registerBytesMax = 4096;

/**
 * Every number, flag and text that v86's devices hold in their fields, and their small arrays. v86's
 * own `get_state` picks what it takes to be worth saving; two machines that are to stay equal need
 * all of it, whatever the guest makes of the device.
 *
 * Shape:  in the order of the objects' own keys, each object once. Can be put into JSON.
 */
export function fieldsOf(devices: object): Field[] {
  const fields: Field[] = [];
  visit(devices, '', new Set(), (path, _holder, _key, value) => {
    if (ArrayBuffer.isView(value)) {
      const { buffer, byteOffset, byteLength } = value;
      fields.push([path, { bytes: [...new Uint8Array(buffer, byteOffset, byteLength)] }]);
    } else if (value === undefined) {
      fields.push([path]);
    } else if (typeof value === 'number' && !Number.isFinite(value)) {
      fields.push([path, { special: String(value) }]);
    } else {
      fields.push([path, value as FieldValue]);
    }
  });
  return fields;
}

/** Puts them into the devices of a machine of the same make, after v86's own `set_state`. */
export function setFields(devices: object, fields: readonly Field[]): void {
  for (const field of fields) {
    const [holder, key] = placeOf(devices, field[0]);
    const value = valueOf(field);
    const current = holder[key];
    if (ArrayBuffer.isView(current)) {
      const { bytes } = value as FieldBytes;
      new Uint8Array(current.buffer, current.byteOffset, current.byteLength).set(bytes);
    } else if (!Object.is(current, value)) {
      holder[key] = value;
    }
  }
  // `set_state` makes fields of its own, which a machine that was never restored does not have.
  const paths = new Set(fields.map(([path]) => path));
  visit(devices, '', new Set(), (path, holder, key) => {
    if (!paths.has(path)) holder[key] = undefined;
  });
}

function placeOf(devices: object, path: string): [holder: Record<string, unknown>, key: string] {
  const keys = path.split('.').slice(1);
  const last = keys.pop() as string;
  const holder = keys.reduce<unknown>(
    (object, key) => (object as Record<string, unknown>)[key],
    devices,
  );
  return [holder as Record<string, unknown>, last];
}

function valueOf(field: Field): unknown {
  const value = field[1];
  const isSpecial = typeof value === 'object' && value !== null && 'special' in value;
  return isSpecial ? Number(value.special) : value;
}

type Visitor = (path: string, holder: Record<string, unknown>, key: string, value: unknown) => void;

function visit(object: object, path: string, seen: Set<object>, visitor: Visitor): void {
  seen.add(object);
  for (const [key, value] of Object.entries(object)) {
    if (outside.has(key) || typeof value === 'function') continue;
    const place = `${path}.${key}`;
    if (typeof value !== 'object' || value === null) {
      visitor(place, object as Record<string, unknown>, key, value);
    } else if (ArrayBuffer.isView(value)) {
      if (value.byteLength <= registerBytesMax && !seen.has(value.buffer)) {
        visitor(place, object as Record<string, unknown>, key, value);
      }
    } else if (!seen.has(value as object)) {
      visit(value as object, place, seen, visitor);
    }
  }
}
