import type {
  ClaimReason,
  GenerationRecord,
  Quorum,
  ReplicaId,
  ReplicaIdentity,
} from '../arbiter/generation-record.js';
import type { StateProgress } from '../channel/state-transfer.js';
import type { Refusal, WireMessage } from '../channel/wire-message.js';
import type { GuestEnd } from '../guest/guest-end.js';
import type { DiskChunk } from '../disk/disk-resync.js';
import type { DiskRequest } from '../guest/disk-request.js';
import type { DiskResult, GuestEvent } from '../guest/guest-event.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { PastLog } from '../log/log-history.js';
import type { LogRecord } from '../log/log-record.js';
import type { ConsoleOffset, Epoch, Generation } from '../units.js';
import type { Redundancy } from './redundancy.js';
import type { PeerId } from './role-input.js';
import type { KeptGuest } from './standing.js';

/** Everything a role can ask its driver to do; performed in order. */
export type RoleEffect =
  | { readonly kind: 'send'; readonly peer: PeerId; readonly message: WireMessage }
  | { readonly kind: 'closePeer'; readonly peer: PeerId }
  | { readonly kind: 'pauseReading'; readonly peer: PeerId }
  | { readonly kind: 'resumeReading'; readonly peer: PeerId }
  | { readonly kind: 'sendHeartbeat'; readonly to: string }
  /** When this process dies, `to` is to hear it at once. */
  | { readonly kind: 'addWill'; readonly to: string; readonly word: string }
  | { readonly kind: 'vcpu'; readonly command: VcpuCommand }
  /** A backup's machine, from the primary's state, or a journal's. Commands follow before it is ready. */
  | { readonly kind: 'startVcpu'; readonly snapshot: Snapshot | null }
  | { readonly kind: 'journal'; readonly command: JournalCommand }
  /** The next records of the journal this replica resumes from. */
  | { readonly kind: 'readJournal' }
  /** Test-and-set on shared storage; answered by `claimAnswered`. */
  | {
      readonly kind: 'claim';
      readonly generation: Generation;
      readonly inSync: readonly ReplicaId[];
      readonly quorum?: Quorum;
      readonly handedOverBy?: ReplicaIdentity;
      readonly reason: ClaimReason;
    }
  | { readonly kind: 'readGenerations'; readonly asked: number }
  /** For whoever finds nobody live: these may go live yet. A hint. */
  | {
      readonly kind: 'noteRoster';
      readonly generation: Generation;
      readonly inSync: readonly ReplicaIdentity[];
    }
  | { readonly kind: 'probePrimary' }
  /** Has that member left its primary, too? Answered by `memberAnswered`. */
  | { readonly kind: 'askMember'; readonly member: ReplicaIdentity }
  | { readonly kind: 'startDisk'; readonly request: DiskRequest }
  /** Is what this read finds what has that digest? Answered by `diskCompared`. */
  | { readonly kind: 'compareDisk'; readonly request: DiskRequest; readonly digest: Uint8Array }
  /** Answered by `diskDigested`. */
  | { readonly kind: 'digestDisk'; readonly chunk: DiskChunk }
  /** Output that leaves. On a backup the console is shown too, because it never leaves from there. */
  | { readonly kind: 'emitConsole'; readonly bytes: Uint8Array; readonly offset: ConsoleOffset }
  | { readonly kind: 'emitFrame'; readonly frame: Uint8Array }
  | { readonly kind: 'report'; readonly report: RoleReport }
  | { readonly kind: 'becomePrimary'; readonly start: PrimaryStart }
  /** As an end, but the machine is kept: the log of whoever is live now may go on from it. */
  | { readonly kind: 'stand'; readonly end: RoleEnd; readonly kept: KeptGuest }
  | { readonly kind: 'end'; readonly end: RoleEnd };

/** What goes into this replica's journal beside the records, which its driver puts there. */
export type JournalCommand =
  /** From a state that a primary sent: what was there is of another guest. */
  | { readonly kind: 'begin'; readonly snapshot: Snapshot }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  /** This replica was told that it is in sync. */
  | { readonly kind: 'member'; readonly generation: Generation }
  /** Somebody waits for what it has: now, not when it is convenient. */
  | { readonly kind: 'sync' }
  /** The guest is off. */
  | { readonly kind: 'ended' };

export type VcpuCommand =
  | { readonly kind: 'replay'; readonly records: readonly LogRecord[] }
  | { readonly kind: 'goLive' }
  | { readonly kind: 'inject'; readonly event: GuestEvent }
  | { readonly kind: 'cut' }
  | { readonly kind: 'setSharePercent'; readonly percent: number }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' };

/** What a new primary starts from: nothing at power-on, the backup's knowledge at go-live. */
export interface PrimaryStart {
  readonly generation: Generation;
  readonly redundancy: Redundancy;
  readonly lastEpoch: Epoch;
  readonly consoleOffset: ConsoleOffset;
  /** Started by the old primary or not, finished or not: to be issued again, in this order. */
  readonly pendingDisk: readonly DiskRequest[];
  readonly lastRequestId: number;
  /** Of these, what this replica has begun already; it will hear of their end. */
  readonly startedDisk: readonly number[];
  /** And what has ended: only the guest has to be told. */
  readonly finishedDisk: readonly { readonly requestId: number; readonly result: DiskResult }[];
  /** Frames not known to have left. */
  readonly unreleasedFrames: readonly Uint8Array[];
  /** The guest was over already when its primary died. */
  readonly guestEnd: GuestEnd | null;
  /** The operator has paused the guest, and it stays so until somebody resumes it. */
  readonly isPaused: boolean;
  /** The generation was claimed before its primary said goodbye, and its record says no more. */
  readonly isClaimedAhead?: boolean;
  /** The log behind it, for backups that stand somewhere in it. */
  readonly past: PastLog;
}

/** Milestones for people, logs and the demo; the driver words them. */
export type RoleReport =
  | { readonly kind: 'backupJoining'; readonly replica: ReplicaId }
  /** It has the machine of that epoch, and gets the records behind it. */
  | { readonly kind: 'backupRejoining'; readonly replica: ReplicaId; readonly epoch: Epoch }
  | { readonly kind: 'stateCut'; readonly pauseMs: number; readonly stateBytes: number }
  /** A cut for the journals alone. */
  | { readonly kind: 'snapshotCut'; readonly pauseMs: number; readonly stateBytes: number }
  | { readonly kind: 'backupInSync'; readonly replica: ReplicaId; readonly joinMs: number }
  | { readonly kind: 'backupLost'; readonly replica: ReplicaId; readonly why: string }
  /** Its guest was not the primary's after that epoch; it is lost, and joins anew. */
  | {
      readonly kind: 'backupDiverged';
      readonly replica: ReplicaId;
      readonly epoch: Epoch;
      readonly difference: string;
    }
  | { readonly kind: 'joinRefused'; readonly why: string }
  | { readonly kind: 'storageUnreachable'; readonly why: string }
  | { readonly kind: 'generationClaimed'; readonly generation: Generation }
  | { readonly kind: 'wokeUp'; readonly sleptMs: number }
  | { readonly kind: 'diskFailed'; readonly requestId: number }
  /** The guest is over; its writes go into the image. */
  | {
      readonly kind: 'folding';
      readonly drive: string;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'rebooted'; readonly epoch: Epoch }
  | { readonly kind: 'welcomed'; readonly replica: ReplicaId; readonly generation: Generation }
  /** From the log: the machine is kept, and goes on behind that epoch. */
  | {
      readonly kind: 'rejoined';
      readonly replica: ReplicaId;
      readonly generation: Generation;
      readonly epoch: Epoch;
    }
  | ({ readonly kind: 'stateArriving' | 'diskComparing' } & StateProgress)
  | { readonly kind: 'stateReceived'; readonly epoch: Epoch; readonly bytes: number }
  | {
      readonly kind: 'diskSynced';
      readonly comparedBytes: number;
      readonly differentBytes: number;
    }
  | { readonly kind: 'inSync'; readonly generation: Generation }
  | { readonly kind: 'primaryLost'; readonly why: string }
  /** It has to know of so many members that they have left, and has waited for these for a while. */
  | {
      readonly kind: 'waitingForMembers';
      readonly votes: number;
      readonly needed: number;
      readonly missing: readonly ReplicaIdentity[];
    }
  | { readonly kind: 'wentLive'; readonly epoch: Epoch; readonly sinceLostMs: number }
  /** From a journal: so many epochs run again. */
  | { readonly kind: 'resuming'; readonly from: Epoch; readonly through: Epoch }
  | { readonly kind: 'resumeProgress'; readonly epoch: Epoch; readonly through: Epoch }
  | {
      readonly kind: 'resumed';
      readonly epoch: Epoch;
      readonly epochs: number;
      readonly tookMs: number;
    };

/** Why a role is over. */
export type RoleEnd =
  | GuestEnd
  /** Another replica is live, for good. */
  | { readonly kind: 'lostClaim'; readonly holder: GenerationRecord }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** Not a replica any more: join whoever is live as a new backup. */
  | { readonly kind: 'rejoin'; readonly why: string; readonly hasDiverged: boolean }
  | { readonly kind: 'left' };
