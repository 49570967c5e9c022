import { Packr } from 'msgpackr';
import { FtvmError } from '../errors.js';
import { crc32 } from '../log/crc32.js';
import { decodeRecord, encodedBytesMax, writeRecord } from '../log/log-codec.js';
import { MsgpackWriter } from '../log/msgpack-writer.js';
import type { Records, WireMessage } from './wire-message.js';

/** A message that is none of ours: damaged on the way, or from a stranger. */
export class WireFormatError extends FtvmError {
  readonly code = 'FTVM_WIRE_FORMAT';
  readonly remedy = 'Check that both ends of the logging channel are ftvm of the same build.';
}

// Plain maps keep a frame self-contained; msgpackr's own record extension would not.
const packr = new Packr({ useRecords: false, int64AsType: 'number' });
const checksumBytes = 4;
const nestedHeadBytes = 5;
const recordsHeadBytesMax = 96;

/** CRC-32 of the rest (little endian), then one msgpack map whose `kind` says what follows. */
export function encodeMessage(message: WireMessage): Uint8Array {
  const frame = message.kind === 'records' ? packRecords(message) : packOther(message);
  const checksum = crc32(frame.subarray(checksumBytes));
  new DataView(frame.buffer, frame.byteOffset).setUint32(0, checksum, true);
  return frame;
}

/** Most of what is sent, and all that is large: written in one go. */
function packRecords({ kind, records, isAwaited, ...counts }: Records): Uint8Array {
  let bytesMax = recordsHeadBytesMax;
  for (const record of records) bytesMax += nestedHeadBytes + encodedBytesMax(record);
  const writer = new MsgpackWriter(bytesMax, checksumBytes);
  const fields = Object.entries(counts);
  writer
    .map(3 + fields.length)
    .key('kind')
    .key(kind)
    .key('isAwaited')
    .flag(isAwaited)
    .key('records')
    .list(records.length);
  for (const record of records) writer.nested(() => writeRecord(writer, record));
  for (const [name, count] of fields) writer.key(name).number(count);
  return writer.written;
}

function packOther(message: WireMessage): Uint8Array {
  const body = packr.pack(message);
  const frame = new Uint8Array(checksumBytes + body.byteLength);
  frame.set(body, checksumBytes);
  return frame;
}

/** Throws `WireFormatError` for anything that `encodeMessage` did not make. */
export function decodeMessage(frame: Uint8Array): WireMessage {
  if (frame.byteLength <= checksumBytes) {
    throw new WireFormatError(`A message of ${frame.byteLength} bytes`);
  }
  const body = frame.subarray(checksumBytes);
  const expected = new DataView(frame.buffer, frame.byteOffset).getUint32(0, true);
  if (crc32(body) !== expected) {
    throw new WireFormatError(`A message of ${frame.byteLength} bytes with a wrong checksum`);
  }
  let value: unknown;
  try {
    value = packr.unpack(body);
  } catch (cause) {
    throw new WireFormatError('A message that is not msgpack', { cause });
  }
  const fields = checkMap(value, 'a message');
  const kind = fields['kind'];
  if (typeof kind !== 'string' || !Object.hasOwn(shapes, kind)) {
    const name = typeof kind === 'string' ? kind.slice(0, 40) : typeof kind;
    throw new WireFormatError(`A message of unknown kind ${name}`);
  }
  const shape = shapes[kind as WireMessage['kind']];
  for (const [field, check] of Object.entries(shape)) check(fields[field], `${kind}.${field}`);
  if (kind !== 'records') return fields as unknown as WireMessage;
  const records = (fields['records'] as Uint8Array[]).map(decodeRecord);
  return { ...fields, records } as unknown as WireMessage;
}

type Check = (value: unknown, what: string) => void;

function wrong(value: unknown, what: string, wanted: string): never {
  throw new WireFormatError(`${what} is ${typeof value}, not ${wanted}`);
}
const text: Check = (value, what) => {
  if (typeof value !== 'string' || value.length > 65_536) wrong(value, what, 'a text');
};
const natural: Check = (value, what) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    wrong(value, what, 'a whole number');
  }
};
const finite: Check = (value, what) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) wrong(value, what, 'a number');
};
const integer: Check = (value, what) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) wrong(value, what, 'an integer');
};
const flag: Check = (value, what) => {
  if (typeof value !== 'boolean') wrong(value, what, 'true or false');
};
const bytes: Check = (value, what) => {
  if (!(value instanceof Uint8Array)) wrong(value, what, 'bytes');
};
const orNull =
  (check: Check): Check =>
  (value, what) => {
    if (value !== null) check(value, what);
  };
const listOf =
  (check: Check): Check =>
  (value, what) => {
    if (!Array.isArray(value)) wrong(value, what, 'a list');
    for (const item of value) check(item, what);
  };
const mapOf =
  (shape: Record<string, Check>): Check =>
  (value, what) => {
    const fields = checkMap(value, what);
    for (const [field, check] of Object.entries(shape)) check(fields[field], `${what}.${field}`);
  };
const texts: Check = (value, what) => {
  for (const item of Object.values(checkMap(value, what))) text(item, what);
};
function checkMap(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    wrong(value, what, 'a map');
  }
  return value as Record<string, unknown>;
}

const drive: Check = (value, what) => {
  if (value !== 'hda' && value !== 'hdb' && value !== 'cdrom') wrong(value, what, 'a drive');
};
const lineage = mapOf({
  liveSince: natural,
  before: listOf(mapOf({ liveSince: natural, through: natural })),
});
const stand = mapOf({
  liveSince: natural,
  received: natural,
  ran: natural,
  digest: orNull(
    mapOf({
      epoch: natural,
      instructions: natural,
      registers: listOf(integer),
      instructionPointer: integer,
      flags: integer,
      processorHash: integer,
      memoryHash: integer,
    }),
  ),
});
const commitRule: Check = (value, what) => {
  if (value !== 'all' && value !== 'quorum') wrong(value, what, 'a rule of commit');
};
const identity = mapOf({ replica: text, pid: natural, host: text, endpoint: text, api: text });
const build = mapOf({
  ftvm: text,
  logVersion: natural,
  v86: text,
  v86Wasm: text,
  node: text,
  architecture: text,
});
const end: Check = (value, what) => {
  const fields = checkMap(value, what);
  switch (fields['kind']) {
    case 'leaving':
      return;
    case 'poweredOff':
      natural(fields['epoch'], `${what}.epoch`);
      return;
    case 'crashed':
      natural(fields['epoch'], `${what}.epoch`);
      text(fields['reason'], `${what}.reason`);
      return;
    default:
      wrong(fields['kind'], `${what}.kind`, 'a known end');
  }
};

const shapes: Record<WireMessage['kind'], Record<string, Check>> = {
  hello: {
    protocol: natural,
    vm: text,
    identity,
    heartbeatTo: text,
    willWord: text,
    build,
    machine: texts,
    keepsJournal: flag,
    stand: orNull(stand),
  },
  welcome: {
    identity,
    generation: natural,
    heartbeatTo: text,
    willWord: text,
    lineage,
    redundancy: mapOf({ backups: natural, commit: commitRule }),
    seat: text,
  },
  refusal: { code: text, why: text, remedy: text },
  stateBegin: {
    header: mapOf({
      epoch: natural,
      clockMs: finite,
      instructions: natural,
      consoleOffset: natural,
      lastRequestId: natural,
      wallClockAtStartMs: integer,
      chanceState: integer,
      uartInput: bytes,
      isPaused: flag,
    }),
    stateBytes: natural,
  },
  statePages: { offset: natural, data: bytes },
  stateEnd: {},
  stateAck: { receivedBytes: natural },
  records: {
    records: listOf(bytes),
    released: natural,
    consoleReleased: natural,
    isAwaited: flag,
  },
  ack: { received: natural, ran: natural, durable: orNull(natural) },
  inSync: { generation: natural },
  diskAsk: { drive, offsetBytes: natural, lengthBytes: natural, digest: bytes, ran: natural },
  diskAnswer: { drive, offsetBytes: natural, data: bytes },
  diskSynced: {},
  diverged: { epoch: natural, difference: text },
  keepAlive: {},
  handOver: {},
  ready: {},
  goodbye: { end },
};
