import type { ClaimOutcome } from '../arbiter/claim-outcome.js';
import type { GenerationRecord, ReplicaId } from '../arbiter/generation-record.js';
import type { WireMessage } from '../channel/wire-message.js';
import type { DiskChunk } from '../disk/disk-resync.js';
import type { DiskResult, GuestEvent } from '../guest/guest-event.js';
import type { SeatAnswer } from '../arbiter/seat.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch, Generation } from '../units.js';
import type { VcpuEvent } from '../vcpu/vcpu.js';

/** Names one link of this replica; a peer that connects again has another. */
export type PeerId = number;

/** Everything a role can learn. Time comes with each step. */
export type RoleInput =
  | { readonly kind: 'tick' }
  | { readonly kind: 'vcpu'; readonly event: VcpuEvent }
  | { readonly kind: 'peerOpened'; readonly peer: PeerId }
  | { readonly kind: 'peerMessage'; readonly peer: PeerId; readonly message: WireMessage }
  | { readonly kind: 'peerEnded'; readonly peer: PeerId; readonly why: string }
  | { readonly kind: 'heartbeat'; readonly from: ReplicaId }
  /** A peer's process has died, says what it had left to say. */
  | { readonly kind: 'lastWill'; readonly of: ReplicaId }
  | {
      readonly kind: 'claimAnswered';
      readonly generation: Generation;
      readonly outcome: ClaimOutcome;
    }
  /** The answer to the effect `readGenerations` with the same `asked`. */
  | {
      readonly kind: 'generationsRead';
      readonly asked: number;
      readonly latest: GenerationRecord | 'unreachable';
    }
  /** The process of the primary is gone, answers, or neither. */
  | { readonly kind: 'probed'; readonly outcome: 'gone' | 'live' | 'silent' }
  /** The answer to `askMember`. */
  | {
      readonly kind: 'memberAnswered';
      readonly replica: ReplicaId;
      readonly answer: SeatAnswer;
    }
  /** Everything up to that epoch is in this replica's journal for good. */
  | { readonly kind: 'journalDurable'; readonly epoch: Epoch }
  /** The answer to `readJournal`. */
  | {
      readonly kind: 'journalRead';
      readonly records: readonly LogRecord[];
      readonly isLast: boolean;
    }
  | { readonly kind: 'diskFinished'; readonly requestId: number; readonly result: DiskResult }
  /** The answer to `compareDisk`: the bytes that were found, or null if they have that digest. */
  | {
      readonly kind: 'diskCompared';
      readonly requestId: number;
      readonly found: Uint8Array | null | 'failed';
    }
  /** The answer to `digestDisk`; null if the disk could not be read. */
  | {
      readonly kind: 'diskDigested';
      readonly chunk: DiskChunk;
      readonly digest: Uint8Array | null;
    }
  /** Something from outside for the guest: typed bytes, a frame, the power button. */
  | { readonly kind: 'guestEvent'; readonly event: GuestEvent }
  /** The operator wants this replica to stop, and the VM to go on elsewhere if it can. */
  | { readonly kind: 'leave' }
  /** The same, but if no backup is left to go on, it stays. */
  | { readonly kind: 'handOver' };
