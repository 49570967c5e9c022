import { Packr } from 'msgpackr';
import type { DiskResult, GuestEvent } from '../guest/guest-event.js';
import type { StateDigest } from '../guest/state-digest.js';
import { unreachable } from '../unreachable.js';
import { LogCorruptError } from './log-corrupt-error.js';
import { recordBytes, type LogRecord } from './log-record.js';
import { MsgpackWriter } from './msgpack-writer.js';
import { shape } from './shape.js';

/**
 * The version of a record's bytes, on the wire and in log files, and of what a vCPU makes of them:
 * the pace of guest time inside an epoch and the settings of v86's compiler are part of it.
 *
 * History: 1, the first. 2, the digest has a hash of the processor's state apart from the memory's;
 * the scrub keeps its pace in large and idle guests; the power button, pause and resume; the clock is set at power-on; a cut leaves
 * the machine as it is; v86 compiles a page after 50,000 instructions; reading the TSC takes guest time.
 */
export const LOG_VERSION = 2;

// Arrays instead of maps: a record without events is 60 bytes. Records of msgpackr's own kind would
// need what was sent before to be read.
const packr = new Packr({ useRecords: false, int64AsType: 'number' });

// The number of a kind is its place in the list: append, never reorder, and count LOG_VERSION up.
const eventKinds = [
  'consoleInput',
  'keysPressed',
  'frameReceived',
  'diskCompleted',
  'powerPressed',
  'resetPressed',
  'powerButtonPressed',
  'pausePressed',
  'resumePressed',
  'clockSet',
] as const satisfies readonly GuestEvent['kind'][];
const resultKinds = [
  'read',
  'written',
  'failed',
  'ownRead',
] as const satisfies readonly DiskResult['kind'][];

/** `[epoch, clockMs, rounds, cut, events, before]`, everything positional. */
export function encodeRecord(record: LogRecord): Uint8Array {
  const writer = new MsgpackWriter(encodedBytesMax(record));
  writeRecord(writer, record);
  return writer.written;
}

/** The same, into what somebody is writing. */
export function writeRecord(writer: MsgpackWriter, record: LogRecord): void {
  const { epoch, clockMs, rounds, cut, events, before } = record;
  writer.list(6).number(epoch).number(clockMs).number(rounds).flag(cut).list(events.length);
  for (const event of events) writeEvent(writer, event);
  if (!before) {
    writer.nothing();
    return;
  }
  const digest = plainDigest(before);
  writer.list(digest.length);
  for (const field of digest) writer.number(field);
}

/** Room that the bytes of a record need at most. */
export function encodedBytesMax(record: LogRecord): number {
  return recordBytes(record) + digestBytesMax;
}

/** Throws `LogCorruptError` for bytes that `encodeRecord` did not make. */
export function decodeRecord(bytes: Uint8Array): LogRecord {
  const [epoch, clockMs, rounds, cut, events, before] = shape.list(unpack(bytes), 'a record', 6);
  return {
    epoch: shape.natural(epoch, 'record.epoch'),
    clockMs: shape.instant(clockMs, 'record.clockMs'),
    rounds: shape.natural(rounds, 'record.rounds'),
    cut: shape.flag(cut, 'record.cut'),
    events: shape.list(events, 'record.events').map(eventFrom),
    before: before === null ? null : digestFrom(before),
  };
}

/** `[epoch, instructions, registers…, eip, eflags, processorHash, memoryHash]`. */
export function plainDigest(digest: StateDigest): readonly number[] {
  const { epoch, instructions, registers, instructionPointer, flags } = digest;
  const { processorHash, memoryHash } = digest;
  return [epoch, instructions, ...registers, instructionPointer, flags, processorHash, memoryHash];
}

export function digestFrom(value: unknown): StateDigest {
  const fields = shape.list(value, 'a digest', 14);
  const [epoch = 0, instructions = 0, ...rest] = fields.map((field) =>
    shape.natural(field, 'a digest'),
  );
  const [instructionPointer = 0, flags = 0, processorHash = 0, memoryHash = 0] = rest.slice(8);
  const registers = rest.slice(0, 8);
  return {
    epoch,
    instructions,
    registers,
    instructionPointer,
    flags,
    processorHash,
    memoryHash,
  };
}

/** Any msgpack value, for the parts of a log file that are not records. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value);
}

export function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (cause) {
    throw new LogCorruptError(`${bytes.byteLength} bytes that are not msgpack`, { cause });
  }
}

function writeEvent(writer: MsgpackWriter, event: GuestEvent): void {
  const kind = eventKinds.indexOf(event.kind);
  switch (event.kind) {
    case 'consoleInput':
      writer.list(2).number(kind).bytes(event.bytes);
      return;
    case 'keysPressed':
      writer.list(2).number(kind).bytes(event.scancodes);
      return;
    case 'frameReceived':
      writer.list(2).number(kind).bytes(event.frame);
      return;
    case 'diskCompleted': {
      const { requestId, result } = event;
      const isRead = result.kind === 'read';
      writer
        .list(isRead ? 4 : 3)
        .number(kind)
        .number(requestId);
      writer.number(resultKinds.indexOf(result.kind));
      if (isRead) writer.bytes(result.data);
      return;
    }
    case 'clockSet':
      writer.list(2).number(kind).number(event.wallClockMs);
      return;
    case 'powerPressed':
    case 'resetPressed':
    case 'powerButtonPressed':
    case 'pausePressed':
    case 'resumePressed':
      writer.list(1).number(kind);
      return;
    default:
      unreachable(event);
  }
}

function eventFrom(value: unknown): GuestEvent {
  const [number, ...fields] = shape.list(value, 'an event');
  const kind = eventKinds[shape.natural(number, 'event.kind')];
  switch (kind) {
    case 'consoleInput':
      return { kind, bytes: shape.bytes(fields[0], `${kind}.bytes`) };
    case 'keysPressed':
      return { kind, scancodes: shape.bytes(fields[0], `${kind}.scancodes`) };
    case 'frameReceived':
      return { kind, frame: shape.bytes(fields[0], `${kind}.frame`) };
    case 'diskCompleted': {
      const requestId = shape.natural(fields[0], `${kind}.requestId`);
      return { kind, requestId, result: resultFrom(fields[1], fields[2]) };
    }
    case 'clockSet':
      return { kind, wallClockMs: shape.natural(fields[0], `${kind}.wallClockMs`) };
    case 'powerPressed':
    case 'resetPressed':
    case 'powerButtonPressed':
    case 'pausePressed':
    case 'resumePressed':
      return { kind };
    case undefined:
      throw new LogCorruptError(`an event of unknown kind ${String(number)}`);
    default:
      return unreachable(kind);
  }
}

// Fourteen or fifteen numbers of nine bytes at most.
const digestBytesMax = 15 * 9;

function resultFrom(number: unknown, data: unknown): DiskResult {
  const kind = resultKinds[shape.natural(number, 'diskCompleted.result')];
  switch (kind) {
    case 'read':
      return { kind, data: shape.bytes(data, 'diskCompleted.data') };
    case 'written':
    case 'failed':
    case 'ownRead':
      return { kind };
    case undefined:
      throw new LogCorruptError(`a disk result of unknown kind ${String(number)}`);
    default:
      return unreachable(kind);
  }
}
