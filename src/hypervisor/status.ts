import type { StateProgress } from '../channel/state-transfer.js';
import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import type { DriveStatus } from '../disk/drive.js';
import type { SeatStatus } from '../arbiter/seat.js';
import type { FramePortStatus } from '../network/frame-port.js';
import { acksNeeded } from '../role/quorum.js';
import type { CommitRule } from '../role/redundancy.js';
import type { DivergenceRow } from './divergence-log.js';
import type { Replica } from './replica.js';

/**
 * What `ftvm status --json`, `GET /status` and every screen show. Fields carry their units; scripts
 * rely on the names.
 */
export interface HypervisorStatus extends Milestones {
  readonly vm: string;
  readonly name: string;
  /** Who answers. */
  readonly replica: string;
  readonly role: 'primary' | 'backup' | 'starting';
  readonly generation: number;
  readonly protection: 'protected' | 'unprotected';
  /** Why it is unprotected; what makes it protected otherwise. */
  readonly reason: string;
  /** How many backups the VM is meant to have, and how many may go live. */
  readonly backupsWished: number;
  readonly backupsInSync: number;
  /** Output waits for all backups in sync, or for a majority of the replicas. */
  readonly commit: CommitRule;
  /** How many backups output waits for now. */
  readonly acksAwaited: number;
  /** Of a backup: its place in the log, which other members ask for; else null. */
  readonly seat: SeatStatus | null;
  readonly primary: PrimaryRow | null;
  readonly backups: readonly BackupRow[];
  readonly log: {
    readonly bytesPerSecond: number;
    readonly bytesTotal: number;
    readonly bufferBytes: number;
  };
  /** Disks with layers, as the replica that answers knows them. */
  readonly disks: readonly DiskRow[];
}
/** `chainLength`: files that a read may have to look into, the image among them. */
export interface DiskRow extends DriveStatus {
  readonly drive: string;
}
/** What the replica that answers has seen. */
export interface Milestones {
  /** When it took over, by its wall clock; null if it did not. */
  readonly takeover: { readonly primaryLostAtMs: number; readonly liveAtMs: number } | null;
  /** The last backup that joined it: how long the guest paused, and until it was protected. */
  readonly lastJoin: { readonly pauseMs: number | null; readonly totalMs: number | null };
  /** The cable of its network card; null if it has none. */
  readonly network: FramePortStatus | null;
  /** Epochs it replayed whose digests agreed with the primary's, and divergences it has seen. */
  readonly replay: { readonly digestsCompared: number; readonly divergences: number };
  readonly lastDivergence: DivergenceRow | null;
}
export interface PrimaryRow extends ReplicaIdentity {
  readonly epoch: number;
  /** The operator has paused the guest. */
  readonly paused: boolean;
  readonly releasing: boolean;
  readonly heldOutputs: number;
  readonly sharePercent: number;
  readonly commitDelayMsMean: number;
  readonly commitDelayMsMax: number;
}
export interface BackupRow extends ReplicaIdentity {
  readonly state: string;
  readonly inSync: boolean;
  readonly lagMs: number;
  readonly ackedEpoch: number;
  readonly ranEpoch: number;
  readonly heartbeatsMissing: boolean;
  /** While the guest's state goes over to it; null before and after. */
  readonly stateProgress: StateProgress | null;
  /** While its own copy of the disks is compared with the primary's; null before and after. */
  readonly diskProgress: StateProgress | null;
  /** It went on from the log behind that epoch; null: it was sent the state. */
  readonly rejoinedAtEpoch: number | null;
}

/** The status of a VM nobody runs. */
export function statusOfNobody(
  vm: { id: string; name: string },
  generation: number,
  reason: string,
): HypervisorStatus {
  return {
    vm: vm.id,
    name: vm.name,
    replica: '',
    role: 'starting',
    generation,
    protection: 'unprotected',
    reason,
    backupsWished: 0,
    backupsInSync: 0,
    commit: 'all',
    acksAwaited: 0,
    seat: null,
    primary: null,
    backups: [],
    takeover: null,
    lastJoin: { pauseMs: null, totalMs: null },
    network: null,
    replay: { digestsCompared: 0, divergences: 0 },
    lastDivergence: null,
    log: { bytesPerSecond: 0, bytesTotal: 0, bufferBytes: 0 },
    disks: [],
  };
}

export function statusOf(
  vm: { readonly id: string; readonly name: string },
  self: ReplicaIdentity,
  replica: Replica | null,
  milestones: Milestones,
): HypervisorStatus {
  const nobody = statusOfNobody(vm, 0, 'this replica is starting');
  const found = replica?.status();
  if (!replica || !found) return { ...nobody, ...milestones, replica: self.replica };
  const common = {
    vm: vm.id,
    name: vm.name,
    replica: self.replica,
    generation: replica.generation,
    ...milestones,
    log: { ...replica.logRate(), bufferBytes: found.status.logBufferBytes },
    disks: replica.disks(),
  };
  if (found.kind === 'backup') {
    const { phase, inSync, received, ran, primary, isPaused: paused } = found.status;
    const { backupsWished: wished } = found.status;
    const row: BackupRow = {
      ...self,
      state: phase,
      inSync,
      lagMs: 0,
      ackedEpoch: received,
      ranEpoch: ran,
      heartbeatsMissing: false,
      stateProgress: found.status.stateProgress,
      diskProgress: found.status.diskProgress,
      rejoinedAtEpoch: found.status.rejoinedAt,
    };
    return {
      ...common,
      role: 'backup',
      protection: inSync ? 'protected' : 'unprotected',
      reason: reasonOfBackup(phase, inSync),
      backupsWished: wished,
      backupsInSync: inSync ? 1 : 0,
      commit: found.status.commit,
      acksAwaited: 0,
      seat: found.status.seat,
      primary: primary && { ...primary, ...unknownToBackups, epoch: received, paused },
      backups: [row],
    };
  }
  const { status } = found;
  const inSync = status.backups.filter((backup) => backup.inSync).length;
  const joining = status.backups.length - inSync;
  const wished = status.backupsWished;
  return {
    ...common,
    role: 'primary',
    protection: inSync > 0 ? 'protected' : 'unprotected',
    reason: reasonOf(inSync, joining, wished),
    backupsWished: wished,
    backupsInSync: inSync,
    commit: status.commit,
    acksAwaited: status.commit === 'quorum' ? acksNeeded(inSync) : inSync,
    seat: null,
    primary: {
      ...self,
      epoch: status.epoch,
      paused: status.isPaused,
      releasing: status.releasing,
      heldOutputs: status.heldOutputs,
      sharePercent: status.sharePercent,
      commitDelayMsMean: round(status.commitDelayMs.mean),
      commitDelayMsMax: round(status.commitDelayMs.max),
    },
    backups: status.backups.map(
      ({ identity, state, inSync, lagMs, acked, ran, heartbeatsMissing, ...row }) => ({
        ...identity,
        state,
        inSync,
        lagMs: round(lagMs),
        ackedEpoch: acked,
        ranEpoch: ran,
        heartbeatsMissing,
        stateProgress: row.stateProgress,
        diskProgress: row.diskProgress,
        rejoinedAtEpoch: row.rejoinedAt,
      }),
    ),
  };
}

function reasonOfBackup(phase: string, inSync: boolean): string {
  if (phase === 'electing') {
    return 'this backup has lost its primary, and goes live when enough of the others have';
  }
  return inSync
    ? 'this backup is in sync; ask the primary for lag and log rate'
    : `this backup is ${phase}`;
}

/** `1 of 2 wished backups in sync, a backup is joining`. */
function reasonOf(inSync: number, joining: number, wished: number): string {
  const isJoining = joining > 0 ? 'a backup is joining' : null;
  if (inSync === 0) return isJoining ?? 'no backup: start one with ftvm run --backup';
  const count =
    inSync < wished
      ? `${inSync} of ${wished} wished backups in sync`
      : `${inSync} backup${inSync === 1 ? '' : 's'} in sync`;
  return isJoining && inSync < wished ? `${count}, ${isJoining}` : count;
}

const unknownToBackups = {
  releasing: true,
  heldOutputs: 0,
  sharePercent: 100,
  commitDelayMsMean: 0,
  commitDelayMsMax: 0,
};

/** To what a person can read; a script has no use for more either. */
export function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
