import type { ReplicaIdentity } from '../arbiter/generation-record.js';
import { ExecutionLag } from '../channel/execution-lag.js';
import type { StateSender } from '../channel/state-transfer.js';
import type { Epoch } from '../units.js';
import { FailureDetector } from './failure-detector.js';
import type { PeerId } from './role-input.js';

/**
 * What the primary knows about one backup.
 *
 * ```
 * awaitingCut ─▶ receivingState ─▶ catchingUp ─▶ required ─▶ inSync
 *  hello came     the state goes    records go,   output      it was told: it may claim the
 *                 over, in pieces   it replays    waits for   next generation, so losing it
 *                                                 its acks    costs us a claim of our own
 * ```
 * Output waits from `required` on, one step before the backup may claim, so that whatever left while
 * nobody waited for it is acknowledged before it can go live.
 */
export class BackupView {
  readonly peer: PeerId;
  readonly identity: ReplicaIdentity;
  readonly heartbeatTo: string;
  readonly detector: FailureDetector;
  readonly lag = new ExecutionLag();
  readonly joinedAtMs: number;
  state: 'awaitingCut' | 'receivingState' | 'catchingUp' | 'required' | 'inSync' = 'awaitingCut';
  transfer: StateSender | null = null;
  /** First record not sent yet. */
  nextEpoch: Epoch = 0;
  /** Every record up to here is in the backup's buffer. */
  acked: Epoch = 0;
  /** Every epoch up to here has run there. */
  ran: Epoch = 0;
  /** In `required`: in sync once this is acknowledged. */
  requiredEpoch: Epoch = 0;
  sentAtMs: number;

  constructor(
    peer: PeerId,
    who: { readonly identity: ReplicaIdentity; readonly heartbeatTo: string },
    silenceMsMax: number,
    nowMs: number,
  ) {
    this.peer = peer;
    this.identity = who.identity;
    this.heartbeatTo = who.heartbeatTo;
    this.detector = new FailureDetector(silenceMsMax, nowMs);
    this.joinedAtMs = nowMs;
    this.sentAtMs = nowMs;
  }

  /** Output waits for its acks. */
  get isAwaited(): boolean {
    return this.state === 'required' || this.state === 'inSync';
  }
  /** Records go to it. */
  get takesRecords(): boolean {
    return this.isAwaited || this.state === 'catchingUp';
  }
}
