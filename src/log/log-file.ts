import { FtvmError } from '../errors.js';
import { fingerprintFields, type MachineSpec } from '../guest/machine-spec.js';
import type { StateDigest } from '../guest/state-digest.js';
import type { Epoch } from '../units.js';
import { encodeFrame } from './frame.js';
import { digestFrom, LOG_VERSION, pack, plainDigest, unpack } from './log-codec.js';
import { LogCorruptError } from './log-corrupt-error.js';
import type { OutputSums } from './output-hash.js';
import { shape } from './shape.js';

/**
 * A recorded run in a file: a head, one frame per record, an end mark. Pure: bytes in, bytes out;
 * `LogFileWriter` and `LogFileReader` stream it.
 *
 * Shape (little endian):
 * ```
 * "ftvm log" | version u32 | frame (header) | frame (record)… | frame (end mark)
 * ```
 * with frames as in frame.ts, whose content is msgpack.
 */
export const logFileMagic = new TextEncoder().encode('ftvm log');
export const frameTags = { header: 0, record: 1, end: 2 } as const;

const headBytes = logFileMagic.byteLength + 4;

/** What a replay needs to know before the first record. */
export interface LogFileHeader {
  readonly spec: MachineSpec;
  /** `fingerprintFields` of the spec, for people and for comparison. */
  readonly fingerprint: Readonly<Record<string, string>>;
  /** Names and versions of what ran: node, v8, architecture, v86, … */
  readonly build: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
}

/** What the run came to; a file without it was cut short. */
export interface LogFileEnd {
  readonly recordCount: number;
  readonly lastEpoch: Epoch;
  /** After the last epoch that ended; null if none did. */
  readonly finalDigest: StateDigest | null;
  readonly sums: OutputSums;
  /** The guest brought the emulator down in this epoch. */
  readonly crashedAt: Epoch | null;
}

/** The file is from another time. */
export class LogFileVersionError extends FtvmError {
  readonly code = 'FTVM_LOG_FILE_VERSION';
  readonly remedy = 'Replay it with the release of ftvm that recorded it.';

  constructor(theirs: number) {
    super(`The log file has version ${theirs}, this build reads ${LOG_VERSION}`);
  }
}

/** Magic, version and header frame: the first bytes of a file. */
export function encodeLogFileHead(header: Omit<LogFileHeader, 'fingerprint'>): Uint8Array {
  const fingerprint = fingerprintFields(header.spec);
  const frame = encodeFrame(frameTags.header, pack({ ...header, fingerprint }));
  const head = new Uint8Array(headBytes + frame.byteLength);
  head.set(logFileMagic);
  new DataView(head.buffer).setUint32(logFileMagic.byteLength, LOG_VERSION, true);
  head.set(frame, headBytes);
  return head;
}

/** Bytes the magic and version take; null if there are not enough yet. Throws if it is no log file. */
export function checkLogFileMagic(bytes: Uint8Array): number | null {
  const given = bytes.subarray(0, logFileMagic.byteLength);
  if (!given.every((byte, i) => byte === logFileMagic[i])) {
    throw new LogCorruptError('This is not a log file: it does not begin with "ftvm log"');
  }
  if (bytes.byteLength < headBytes) return null;
  const version = viewOf(bytes).getUint32(logFileMagic.byteLength, true);
  if (version !== LOG_VERSION) throw new LogFileVersionError(version);
  return headBytes;
}

export function decodeLogFileHeader(content: Uint8Array): LogFileHeader {
  const fields = shape.map(unpack(content), 'the header');
  const texts = (name: string): Record<string, string> => {
    const map = shape.map(fields[name], `header.${name}`);
    for (const [key, value] of Object.entries(map)) shape.text(value, `header.${name}.${key}`);
    return map as Record<string, string>;
  };
  const spec = shape.map(fields['spec'], 'header.spec') as unknown as MachineSpec;
  const fingerprint = texts('fingerprint');
  // The spec is as good as its fingerprint: both are in the header, written from one another.
  for (const [field, value] of Object.entries(fingerprintOf(spec))) {
    if (fingerprint[field] !== value) {
      throw new LogCorruptError(`the header's ${field} is not what its fingerprint says`);
    }
  }
  return {
    spec,
    fingerprint,
    build: texts('build'),
    createdAtMs: shape.instant(fields['createdAtMs'], 'header.createdAtMs'),
  };
}

/** `[records, last epoch, final digest, console bytes and hash, outputs and hash, crashed at]`. */
export function encodeLogFileEnd(end: LogFileEnd): Uint8Array {
  const { consoleBytes, consoleHash, outputs, outputHash } = end.sums;
  const digest = end.finalDigest && plainDigest(end.finalDigest);
  const sums = [consoleBytes, consoleHash, outputs, outputHash];
  const fields = [end.recordCount, end.lastEpoch, digest, sums, end.crashedAt];
  return encodeFrame(frameTags.end, pack(fields));
}

export function decodeLogFileEnd(content: Uint8Array): LogFileEnd {
  const fields = shape.list(unpack(content), 'the end mark', 5);
  const [recordCount, lastEpoch, digest, sums, crashedAt] = fields;
  const [consoleBytes = 0, consoleHash = 0, outputs = 0, outputHash = 0] = shape
    .list(sums, 'end.sums', 4)
    .map((sum) => shape.natural(sum, 'end.sums'));
  return {
    recordCount: shape.natural(recordCount, 'end.recordCount'),
    lastEpoch: shape.natural(lastEpoch, 'end.lastEpoch'),
    finalDigest: digest === null ? null : digestFrom(digest),
    sums: { consoleBytes, consoleHash, outputs, outputHash },
    crashedAt: crashedAt === null ? null : shape.natural(crashedAt, 'end.crashedAt'),
  };
}

function fingerprintOf(spec: MachineSpec): Record<string, string> {
  try {
    return fingerprintFields(spec);
  } catch (cause) {
    throw new LogCorruptError("the header's machine spec lacks a field", { cause });
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
