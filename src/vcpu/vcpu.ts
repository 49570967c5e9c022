import type { GuestEvent } from '../guest/guest-event.js';
import type { GuestOutput } from '../guest/guest-output.js';
import type { StateDigest } from '../guest/state-digest.js';
import type { LogRecord } from '../log/log-record.js';
import type { Epoch } from '../units.js';
import type { Snapshot } from '../guest/snapshot.js';

/**
 * One deterministic x86, seen from the control plane: commands in, events out, no shared state.
 * v86-vcpu.ts implements it over a worker thread; the simulator has a toy.
 *
 * A vCPU is born replaying. `replay` queues a record; it runs them in order as they come. `goLive`
 * (once, when every queued record has run) makes it take its own decisions: from then on it samples
 * the host's clock, takes the events injected since, announces the record of each epoch with
 * `recorded` and then runs it. A live vCPU runs by itself until the guest is off.
 */
export interface Vcpu {
  /** Replaying only: the next record. Records queue; `ran` says how far it is. */
  replay(records: readonly LogRecord[]): void;
  /** Replaying only: runs what is queued, then goes live. Answered by `wentLive`. */
  goLive(): void;
  /** Live only: the event enters the guest at the start of the next epoch. */
  inject(event: GuestEvent): void;
  /**
   * Live only: cut the state at the next epoch boundary at which no disk operation is in flight.
   * Answered by the `recorded` of a record with `cut`, then `cutTaken`.
   */
  cut(): void;
  /** Live only: the share of time the vCPU may run, 1 to 100 (§3.2: a few percent at a time). */
  setSharePercent(percent: number): void;
  /** Live only: stop at the next epoch boundary (a full log buffer, §3.2), and go on. */
  pause(): void;
  resume(): void;
  /** Ends the vCPU and its thread; no event follows. */
  close(): Promise<void>;
}

/** What a vCPU tells, in order. */
export type VcpuEvent =
  /** Live only: this epoch is about to run. */
  | { readonly kind: 'recorded'; readonly record: LogRecord }
  | {
      readonly kind: 'ran';
      readonly epoch: Epoch;
      readonly outputs: readonly GuestOutput[];
      readonly after: StateDigest;
    }
  /**
   * The state at the end of `epoch`, whose record has `cut`; the guest stood still for `pauseMs`. Live
   * only, or if asked for.
   */
  | {
      readonly kind: 'cutTaken';
      readonly epoch: Epoch;
      readonly snapshot: Snapshot;
      readonly pauseMs: number;
    }
  /** Live only: it sleeps, and has told all that has run. */
  | { readonly kind: 'rested' }
  | { readonly kind: 'wentLive'; readonly lastEpoch: Epoch }
  /** The digest a record carries is not the state this vCPU has: it is no replica any more. */
  | {
      readonly kind: 'diverged';
      readonly epoch: Epoch;
      /** In words: what differed first, and where. */
      readonly difference: string;
      readonly digests: { readonly ours: StateDigest; readonly theirs: StateDigest };
    }
  /** The emulator threw inside the epoch: every replica will, at the same place. The vCPU is over. */
  | { readonly kind: 'crashed'; readonly epoch: Epoch; readonly reason: string };

/** Makes a vCPU: powered off machine about to start, or the one in the snapshot. */
export type VcpuFactory = (
  snapshot: Snapshot | null,
  handlers: {
    readonly event: (event: VcpuEvent) => void;
    /** A bug in ftvm or the death of the thread, not the guest's doing. */
    readonly failed: (error: Error) => void;
    /** `cutTaken` while it replays, too. */
    readonly tellsCuts?: boolean;
    /** Nobody else needs the snapshot: its bytes are moved, not copied, and gone here. */
    readonly ownsSnapshot?: boolean;
  },
) => Promise<Vcpu>;
