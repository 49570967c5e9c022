import { Packr } from 'msgpackr';
import { FtvmError } from '../errors.js';
import type { DiskResult, GuestEvent } from '../guest/guest-event.js';
import type { StateDigest } from '../guest/state-digest.js';
import { unreachable } from '../unreachable.js';
import type { LogRecord } from './log-record.js';

/** The format of a record; a peer or a file with another one is refused by name. */
export const LOG_VERSION = 1;

/** Bytes that are no record of this version. */
export class LogCorruptError extends FtvmError {
  readonly code = 'FTVM_LOG_CORRUPT';
  readonly remedy = 'Use a log that the same ftvm build wrote, copied whole.';
}

// Arrays by position, not maps by name: an idle record is 40 bytes, not 200.
const packr = new Packr({ useRecords: false, int64AsType: 'number' });

export function encodeRecord(record: LogRecord): Uint8Array {
  const { epoch, clockMs, events, cut, before } = record;
  return packr.pack([epoch, clockMs, cut, digestToWire(before), events.map(eventToWire)]);
}

/** Throws `LogCorruptError` for anything that `encodeRecord` did not make. */
export function decodeRecord(bytes: Uint8Array): LogRecord {
  let value: unknown;
  try {
    value = packr.unpack(bytes);
  } catch (cause) {
    throw new LogCorruptError('A record is not msgpack', { cause });
  }
  const [epoch, clockMs, cut, before, events] = list(value, 5, 'a record');
  if (typeof cut !== 'boolean') throw new LogCorruptError(`A record's cut mark is ${typeof cut}`);
  if (!Array.isArray(events)) throw new LogCorruptError(`A record's events are ${typeof events}`);
  return {
    epoch: natural(epoch, 'epoch'),
    clockMs: finite(clockMs, 'clock'),
    cut,
    before: before === null ? null : digestFromWire(before),
    events: events.map(eventFromWire),
  };
}

// The first item names the kind; numbers are never used again for another kind.
const kinds = {
  consoleInput: 1,
  keysPressed: 2,
  frameReceived: 3,
  diskRead: 4,
  diskWritten: 5,
  diskFailed: 6,
  powerPressed: 7,
  resetPressed: 8,
} as const;

function eventToWire(event: GuestEvent): unknown[] {
  switch (event.kind) {
    case 'consoleInput':
      return [kinds.consoleInput, event.bytes];
    case 'keysPressed':
      return [kinds.keysPressed, event.scancodes];
    case 'frameReceived':
      return [kinds.frameReceived, event.frame];
    case 'diskCompleted':
      return event.result.kind === 'read'
        ? [kinds.diskRead, event.requestId, event.result.data]
        : [event.result.kind === 'written' ? kinds.diskWritten : kinds.diskFailed, event.requestId];
    case 'powerPressed':
      return [kinds.powerPressed];
    case 'resetPressed':
      return [kinds.resetPressed];
    default:
      return unreachable(event);
  }
}

function eventFromWire(value: unknown): GuestEvent {
  const [kind, first, second] = list(value, 1, 'an event');
  const completed = (result: DiskResult): GuestEvent => ({
    kind: 'diskCompleted',
    requestId: natural(first, 'disk request'),
    result,
  });
  switch (kind) {
    case kinds.consoleInput:
      return { kind: 'consoleInput', bytes: bytesOf(first) };
    case kinds.keysPressed:
      return { kind: 'keysPressed', scancodes: bytesOf(first) };
    case kinds.frameReceived:
      return { kind: 'frameReceived', frame: bytesOf(first) };
    case kinds.diskRead:
      return completed({ kind: 'read', data: bytesOf(second) });
    case kinds.diskWritten:
      return completed({ kind: 'written' });
    case kinds.diskFailed:
      return completed({ kind: 'failed' });
    case kinds.powerPressed:
      return { kind: 'powerPressed' };
    case kinds.resetPressed:
      return { kind: 'resetPressed' };
    default:
      throw new LogCorruptError(`An event of unknown kind ${String(kind)}`);
  }
}

function digestToWire(digest: StateDigest | null): unknown[] | null {
  if (!digest) return null;
  const { epoch, instructions, registers, instructionPointer, flags, memoryHash } = digest;
  return [epoch, instructions, instructionPointer, flags, memoryHash, ...registers];
}

function digestFromWire(value: unknown): StateDigest {
  const fields = list(value, 13, 'a digest').map((field) => natural(field, 'digest'));
  const [epoch = 0, instructions = 0, instructionPointer = 0, flags = 0, memoryHash = 0] = fields;
  const registers = fields.slice(5);
  return { epoch, instructions, registers, instructionPointer, flags, memoryHash };
}

function list(value: unknown, lengthMin: number, what: string): unknown[] {
  if (!Array.isArray(value) || value.length < lengthMin) {
    throw new LogCorruptError(`${what} is ${typeof value}, not a list of ${lengthMin}`);
  }
  return value as unknown[];
}
function natural(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new LogCorruptError(`A record's ${what} is ${String(value)}`);
  }
  return value;
}
function finite(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new LogCorruptError(`A record's ${what} is ${String(value)}`);
  }
  return value;
}
function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array))
    throw new LogCorruptError(`An event's bytes are ${typeof value}`);
  return value;
}
