import type { Generation } from '../units.js';
import type {
  ClaimReason,
  GenerationRecord,
  Quorum,
  ReplicaIdentity,
} from './generation-record.js';

/** The text of a generation file: one JSON object, indented, because people read it too. */
export function encodeGeneration(record: GenerationRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** A record, or in one sentence what is wrong with the text. */
export type DecodedGeneration =
  | { readonly kind: 'record'; readonly record: GenerationRecord }
  | { readonly kind: 'invalid'; readonly why: string };

/** Reads a generation file. Fields we do not know are left out, so a later release may add some. */
export function decodeGeneration(text: string): DecodedGeneration {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { kind: 'invalid', why: error instanceof Error ? error.message : String(error) };
  }
  return generationOf(value);
}

/** The same of what was parsed as JSON already. */
export function generationOf(value: unknown): DecodedGeneration {
  try {
    return { kind: 'record', record: recordOf(value) };
  } catch (error) {
    return { kind: 'invalid', why: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Stands for the holder of a generation whose file cannot be read as a record: the number is taken,
 * whoever took it.
 */
export function unknownHolder(generation: Generation): GenerationRecord {
  const holder = { replica: 'unknown', pid: 0, host: 'unknown', endpoint: '', api: '' };
  return { generation, vm: '', holder, inSync: [], reason: 'start', claimedAt: '' };
}

/** Replicas as a file names them. Errors: TypeError, in a sentence. */
export function decodeIdentities(name: string, value: unknown): ReplicaIdentity[] {
  return list(name, value).map((each, i) => identityOf(`${name}[${i}]`, each));
}

function recordOf(value: unknown): GenerationRecord {
  const fields = object('the file', value);
  return {
    generation: naturalNumber('generation', fields.generation),
    vm: text('vm', fields.vm),
    holder: identityOf('holder', fields.holder),
    inSync: list('inSync', fields.inSync).map((each, i) => text(`inSync[${i}]`, each)),
    reason: reasonOf(fields.reason),
    claimedAt: text('claimedAt', fields.claimedAt),
    ...(fields.disk === undefined ? {} : { disk: text('disk', fields.disk) }),
    ...(fields.keepsJournal === true ? { keepsJournal: true } : {}),
    ...(fields.handedOverBy === undefined
      ? {}
      : { handedOverBy: identityOf('handedOverBy', fields.handedOverBy) }),
    ...(fields.quorum === undefined ? {} : { quorum: quorumOf(fields.quorum) }),
  };
}

function quorumOf(value: unknown): Quorum {
  const fields = object('quorum', value);
  const members = list('quorum.members', fields.members).map((each, i) => {
    const member = object(`quorum.members[${i}]`, each);
    return {
      identity: identityOf(`quorum.members[${i}].identity`, member.identity),
      seat: text(`quorum.members[${i}].seat`, member.seat),
    };
  });
  const acks = members.length === 0 ? 0 : naturalNumber('quorum.acks', fields.acks);
  return { acks, members };
}

function identityOf(name: string, value: unknown): ReplicaIdentity {
  const fields = object(name, value);
  return {
    replica: text(`${name}.replica`, fields.replica),
    pid: naturalNumber(`${name}.pid`, fields.pid),
    host: text(`${name}.host`, fields.host),
    endpoint: text(`${name}.endpoint`, fields.endpoint),
    api: text(`${name}.api`, fields.api),
  };
}

function reasonOf(value: unknown): ClaimReason {
  switch (value) {
    case 'start':
    case 'resume':
    case 'takeover':
    case 'backupLost':
    case 'backupJoined':
    case 'handOver':
    case 'handedOver':
      return value;
    default:
      return refuse(
        'reason',
        'start, resume, takeover, backupLost, backupJoined, handOver or handedOver',
        value,
      );
  }
}

function object(name: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(name, 'an object', value);
  }
  return value as Record<string, unknown>;
}

function list(name: string, value: unknown): unknown[] {
  return Array.isArray(value) ? value : refuse(name, 'a list', value);
}

function text(name: string, value: unknown): string {
  return typeof value === 'string' ? value : refuse(name, 'a text', value);
}

function naturalNumber(name: string, value: unknown): number {
  const isNatural = typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
  return isNatural ? value : refuse(name, 'a whole number above 0', value);
}

function refuse(name: string, expected: string, value: unknown): never {
  throw new TypeError(`${name} should be ${expected}, it is ${shown(value)}`);
}

/** A list or an object by its kind alone: one nested deeply enough cannot be put into words. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value).slice(0, 80);
}
