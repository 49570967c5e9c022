import { FtvmError } from '../errors.js';
import type { ReplicaEnd } from '../hypervisor/replica-parts.js';
import { unreachable } from '../unreachable.js';

/** What the process tells its caller; docs/operating.md explains each. */
export const exitStatus = {
  done: 0,
  bug: 1,
  usage: 2,
  liveElsewhere: 3,
  environment: 4,
  guestCrashed: 5,
  checkFailed: 6,
  interrupted: 130,
} as const;

const byCode: Readonly<Record<string, number>> = {
  FTVM_USAGE: exitStatus.usage,
  FTVM_MEMORY_SIZE: exitStatus.usage,
  FTVM_REPLAY_RANGE: exitStatus.usage,
  FTVM_VM_OPTIONS: exitStatus.usage,
  FTVM_LIVE_ELSEWHERE: exitStatus.liveElsewhere,
  FTVM_CHECK_FAILED: exitStatus.checkFailed,
  FTVM_DIVERGED: exitStatus.checkFailed,
};

export function statusOfError(error: unknown): number {
  if (!(error instanceof FtvmError)) return exitStatus.bug;
  return byCode[error.code] ?? exitStatus.environment;
}

export function statusOfEnd(end: ReplicaEnd): number {
  switch (end.kind) {
    case 'poweredOff':
      return exitStatus.done;
    case 'crashed':
      return exitStatus.guestCrashed;
    case 'lostClaim':
      return exitStatus.liveElsewhere;
    case 'left':
      return exitStatus.interrupted;
    case 'refused':
    case 'rejoin':
      return exitStatus.environment;
    case 'failed':
      return statusOfError(end.error);
    default:
      return unreachable(end);
  }
}
