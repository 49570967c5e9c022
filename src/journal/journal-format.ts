import type { ReplicaId } from '../arbiter/generation-record.js';
import { fingerprintFields, type MachineSpec } from '../guest/machine-spec.js';
import type { Snapshot } from '../guest/snapshot.js';
import { encodeFrame } from '../log/frame.js';
import { LOG_VERSION, pack, unpack } from '../log/log-codec.js';
import { LogCorruptError } from '../log/log-corrupt-error.js';
import { decodeLogFileHeader, LogFileVersionError, type LogFileHeader } from '../log/log-file.js';
import { shape } from '../log/shape.js';
import type { Epoch, Generation } from '../units.js';

/*
 * The bytes of a journal, little endian:
 *
 *   log       head | batch | record… | batch | record, member… | …
 *   snapshot  head, the snapshot's fields in it | state… | state end
 *   head      "ftvm jrn" | version u32 | frame (header)
 *
 * with frames as in log/frame.ts. A batch is what was written at once and made durable before the next
 * one: its mark says how far the log was durable then, so that a tail which was torn off can be told
 * from a log that was damaged later.
 */
export const journalTags = {
  header: 0,
  record: 1,
  batch: 3,
  member: 4,
  state: 5,
  stateEnd: 6,
  ended: 7,
} as const;

const magic = new TextEncoder().encode('ftvm jrn');
export const journalMagicBytes = magic.byteLength + 4;

/** Whose guest this is, and who ran it: in front of every file. */
export interface JournalHeader extends LogFileHeader {
  readonly vm: string;
  /** The replicas that kept this journal, each after the one before it had died. */
  readonly owners: readonly ReplicaId[];
  /** Generations in which a keeper was told that it is in sync. */
  readonly memberOf: readonly Generation[];
  /** Of a snapshot: all of it but the state. */
  readonly snapshot: Omit<Snapshot, 'state'> | null;
  readonly stateBytes: number;
}

export function encodeJournalHead(
  header: Omit<JournalHeader, 'fingerprint'> & { readonly spec: MachineSpec },
): Uint8Array {
  const fingerprint = fingerprintFields(header.spec);
  const frame = encodeFrame(journalTags.header, pack({ ...header, fingerprint }));
  const head = new Uint8Array(journalMagicBytes + frame.byteLength);
  head.set(magic);
  new DataView(head.buffer).setUint32(magic.byteLength, LOG_VERSION, true);
  head.set(frame, journalMagicBytes);
  return head;
}

/** Throws unless these are the first bytes of a journal's file. */
export function checkJournalMagic(bytes: Uint8Array): void {
  if (bytes.byteLength < journalMagicBytes || !magic.every((byte, i) => byte === bytes[i])) {
    throw new LogCorruptError('it does not begin as a journal does');
  }
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(magic.byteLength, true);
  if (version !== LOG_VERSION) throw new LogFileVersionError(version);
}

export function decodeJournalHeader(content: Uint8Array): JournalHeader {
  const fields = shape.map(unpack(content), 'the header');
  const snapshot = fields['snapshot'] === null ? null : snapshotFrom(fields['snapshot']);
  return {
    ...decodeLogFileHeader(content),
    vm: shape.text(fields['vm'], 'header.vm'),
    owners: shape
      .list(fields['owners'], 'header.owners')
      .map((owner) => shape.text(owner, 'header.owners')),
    memberOf: shape
      .list(fields['memberOf'], 'header.memberOf')
      .map((generation) => shape.natural(generation, 'header.memberOf')),
    snapshot,
    stateBytes: shape.natural(fields['stateBytes'], 'header.stateBytes'),
  };
}

function snapshotFrom(value: unknown): Omit<Snapshot, 'state'> {
  const fields = shape.map(value, 'header.snapshot');
  for (const name of ['epoch', 'instructions', 'consoleOffset', 'lastRequestId']) {
    shape.natural(fields[name], `header.snapshot.${name}`);
  }
  shape.instant(fields['clockMs'], 'header.snapshot.clockMs');
  shape.whole(fields['wallClockAtStartMs'], 'header.snapshot.wallClockAtStartMs');
  shape.bytes(fields['uartInput'], 'header.snapshot.uartInput');
  shape.flag(fields['isPaused'], 'header.snapshot.isPaused');
  return fields as unknown as Omit<Snapshot, 'state'>;
}

const batchMagic = new TextEncoder().encode('ftvmsync');
/** From the start of the frame: its head and its tag. */
const batchMagicAt = 9;
export const batchFrameBytes = batchMagicAt + batchMagic.byteLength + 8;

/** What follows was written when everything up to `durable` would have survived a power cut. */
export function encodeBatchMark(durable: Epoch): Uint8Array {
  const content = new Uint8Array(batchMagic.byteLength + 8);
  content.set(batchMagic);
  new DataView(content.buffer).setFloat64(batchMagic.byteLength, durable, true);
  return encodeFrame(journalTags.batch, content);
}

export function decodeBatchMark(content: Uint8Array): Epoch {
  if (content.byteLength !== batchMagic.byteLength + 8) throw new LogCorruptError('a batch mark');
  const view = new DataView(content.buffer, content.byteOffset);
  return shape.natural(view.getFloat64(batchMagic.byteLength, true), 'a batch mark');
}

/** Where in `bytes` a batch mark may begin, from `start` on; -1 if nowhere. */
export function findBatchMark(bytes: Uint8Array, start: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = buffer.indexOf(batchMagic, start + batchMagicAt);
  return found === -1 ? -1 : found - batchMagicAt;
}

export function encodeMember(generation: Generation): Uint8Array {
  return encodeFrame(journalTags.member, pack(generation));
}
