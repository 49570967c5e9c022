import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import { FtvmError } from '../errors.js';
import { PROTOCOL_VERSION, type BuildInfo, type Hello, type Refusal } from './wire-message.js';

/** What this replica would say about itself. */
export interface HandshakeSelf {
  readonly vm: string;
  readonly identity: ReplicaIdentity;
  readonly build: BuildInfo;
  readonly machine: Readonly<Record<string, string>>;
}

/** The peer said no; its words. Raised on the backup, before any record moves. */
export class RefusedError extends FtvmError {
  readonly code: `FTVM_${string}`;
  readonly remedy: string;

  constructor({ code, why, remedy }: Refusal) {
    super(`The primary refused this backup: ${why}`);
    this.code = code.startsWith('FTVM_') ? (code as `FTVM_${string}`) : 'FTVM_REFUSED';
    this.remedy = remedy;
  }
}

/**
 * May the peer that says `hello` become our backup? Null if it may; else the refusal names the field
 * that differs, both values, and what to do.
 */
export function refusalOf(hello: Hello, self: HandshakeSelf): Refusal | null {
  const refuse = (code: string, why: string, remedy: string): Refusal => ({
    kind: 'refusal',
    code,
    why,
    remedy,
  });
  const sameBuild = 'Run the same ftvm build on both hosts.';
  if (hello.protocol !== PROTOCOL_VERSION) {
    return refuse(
      'FTVM_PROTOCOL_VERSION',
      `protocol version ${hello.protocol}, the primary speaks ${PROTOCOL_VERSION}`,
      sameBuild,
    );
  }
  if (hello.vm !== self.vm) {
    return refuse(
      'FTVM_ANOTHER_VM',
      `it is a backup of VM ${hello.vm}, the primary runs VM ${self.vm}`,
      'Give both replicas the same VM_DIR, on storage that both hosts share.',
    );
  }
  if (hello.identity.replica === self.identity.replica) {
    return refuse('FTVM_SELF', 'it is the primary itself', 'Join another replica.');
  }
  for (const [field, name] of buildFields) {
    const [theirs, ours] = [hello.build[field], self.build[field]];
    if (theirs !== ours) {
      const remedy = field === 'architecture' ? sameArchitecture : sameBuild;
      return refuse('FTVM_BUILD_DIFFERS', `${name} ${theirs}, the primary has ${ours}`, remedy);
    }
  }
  for (const field of Object.keys({ ...self.machine, ...hello.machine })) {
    const [theirs, ours] = [hello.machine[field], self.machine[field]];
    if (theirs !== ours) {
      return refuse(
        'FTVM_MACHINE_DIFFERS',
        `its machine has ${field} ${theirs ?? 'unset'}, the primary's has ${ours ?? 'unset'}`,
        'Give both replicas the same VM_DIR and the same image files.',
      );
    }
  }
  return null;
}

// Node's version is told and not compared: a log recorded on one major replays on another.
const buildFields = [
  ['logVersion', 'log version'],
  ['v86', 'v86'],
  ['v86Wasm', 'v86.wasm'],
  ['architecture', 'CPU architecture'],
] as const;
// NaN payloads of SSE come from the engine's code for the host CPU.
const sameArchitecture = 'Run both replicas on hosts of the same CPU architecture.';
