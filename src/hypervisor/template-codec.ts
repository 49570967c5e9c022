import type { DiskRead, DiskWrite, DriveName } from '../guest/disk-request.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { Digest } from '../host/digest.js';
import { pack, unpack } from '../log/log-codec.js';
import { LogCorruptError } from '../log/log-corrupt-error.js';
import { shape } from '../log/shape.js';
import type { BootTemplate } from './boot-template.js';

/*
 * The bytes of a template, little endian:
 *
 *   "ftvm tpl" | SHA-256 of the rest | head bytes u32 | head (msgpack) | the state
 */
const magic = new TextEncoder().encode('ftvm tpl');
const digestBytes = 32;
const bodyAt = magic.byteLength + digestBytes;
const headAt = bodyAt + 4;
/** Of what this file says, and of where in a start a guest stops. */
export const TEMPLATE_VERSION = 1;

/** `key` says which machine it is of (cli/boot-snapshot.ts). */
export async function encodeTemplate(
  key: string,
  { snapshot, writes, reads, readsDigest }: BootTemplate,
  digest: Digest,
): Promise<Uint8Array> {
  const { state, ...rest } = snapshot;
  const head = pack({ key, snapshot: rest, writes, reads, readsDigest });
  const bytes = new Uint8Array(headAt + head.byteLength + state.byteLength);
  bytes.set(magic);
  new DataView(bytes.buffer).setUint32(bodyAt, head.byteLength, true);
  bytes.set(head, headAt);
  bytes.set(state, headAt + head.byteLength);
  bytes.set(await digest(bytes.subarray(bodyAt)), magic.byteLength);
  return bytes;
}

/** Errors: `LogCorruptError` for one that is damaged, or of another machine. */
export async function decodeTemplate(
  key: string,
  bytes: Uint8Array,
  digest: Digest,
): Promise<BootTemplate> {
  if (bytes.byteLength < headAt || !magic.every((byte, i) => byte === bytes[i])) {
    throw new LogCorruptError('it does not begin as a template does');
  }
  const found = await digest(bytes.subarray(bodyAt));
  if (!found.every((byte, i) => byte === bytes[magic.byteLength + i])) {
    throw new LogCorruptError('it has the wrong checksum');
  }
  const headBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bodyAt, true);
  const head = shape.map(unpack(bytes.subarray(headAt, headAt + headBytes)), 'the head');
  if (shape.text(head['key'], 'key') !== key) throw new LogCorruptError('it is of another machine');
  return {
    snapshot: snapshotFrom(head['snapshot'], bytes.slice(headAt + headBytes)),
    writes: shape.list(head['writes'], 'writes').map((each): DiskWrite => {
      const fields = shape.map(each, 'a write');
      const data = shape.bytes(fields['data'], 'a write’s data').slice();
      return { kind: 'diskWrite', ...operationOf(fields), data };
    }),
    reads: shape.list(head['reads'], 'reads').map((each): DiskRead => {
      const fields = shape.map(each, 'a read');
      const lengthBytes = shape.natural(fields['lengthBytes'], 'a read’s length');
      return { kind: 'diskRead', ...operationOf(fields), lengthBytes };
    }),
    readsDigest: shape.bytes(head['readsDigest'], 'readsDigest').slice(),
  };
}

function operationOf(fields: Readonly<Record<string, unknown>>) {
  return {
    id: shape.natural(fields['id'], 'a request’s id'),
    drive: shape.text(fields['drive'], 'a request’s drive') as DriveName,
    offsetBytes: shape.natural(fields['offsetBytes'], 'a request’s offset'),
  };
}

function snapshotFrom(value: unknown, state: Uint8Array): Snapshot {
  const fields = shape.map(value, 'the snapshot');
  return {
    epoch: shape.natural(fields['epoch'], 'epoch'),
    clockMs: shape.instant(fields['clockMs'], 'clockMs'),
    instructions: shape.natural(fields['instructions'], 'instructions'),
    consoleOffset: shape.natural(fields['consoleOffset'], 'consoleOffset'),
    lastRequestId: shape.natural(fields['lastRequestId'], 'lastRequestId'),
    wallClockAtStartMs: shape.whole(fields['wallClockAtStartMs'], 'wallClockAtStartMs'),
    chanceState: Number(fields['chanceState']) | 0,
    uartInput: shape.bytes(fields['uartInput'], 'uartInput').slice(),
    isPaused: shape.flag(fields['isPaused'], 'isPaused'),
    state,
  };
}
