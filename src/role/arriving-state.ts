import {
  type StateProgress,
  StateReceiver,
  stateBytesMaxOf,
  StateTransferError,
} from '../channel/state-transfer.js';
import type { WireMessage } from '../channel/wire-message.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { RoleReport } from './role-effect.js';

/** What a message made of it: more to come, all there, or not what a primary sends. */
type Arrival =
  | { readonly kind: 'begun' }
  | { readonly kind: 'grown'; readonly receivedBytes: number }
  | { readonly kind: 'complete'; readonly snapshot: Snapshot }
  | { readonly kind: 'wrong'; readonly why: string };

/** The primary's state on its way to a backup that joins (FT paper §3.1). */
export class ArrivingState {
  readonly #stateBytesMax: number;
  #receiver: StateReceiver | null = null;
  #saidAtMs = 0;

  /** `machine` are the fields two replicas have agreed on. */
  constructor(machine: Readonly<Record<string, string>>) {
    this.#stateBytesMax = stateBytesMaxOf(machine);
  }

  /** Null before it has begun and once it is complete. */
  get progress(): StateProgress | null {
    return this.#receiver?.progress ?? null;
  }

  take(message: WireMessage, nowMs: number): Arrival {
    try {
      if (message.kind === 'stateBegin' && !this.#receiver) {
        this.#receiver = new StateReceiver(message, this.#stateBytesMax);
        this.#saidAtMs = nowMs;
        return { kind: 'begun' };
      }
      if (message.kind === 'statePages' && this.#receiver) {
        return { kind: 'grown', receivedBytes: this.#receiver.pages(message) };
      }
      if (message.kind === 'stateEnd' && this.#receiver) {
        const snapshot = this.#receiver.end();
        this.#receiver = null;
        return { kind: 'complete', snapshot };
      }
      return { kind: 'wrong', why: `${message.kind} while its state goes over` };
    } catch (error) {
      if (!(error instanceof StateTransferError)) throw error;
      return { kind: 'wrong', why: error.message };
    }
  }

  /** Something to say about it once a second. */
  tick(nowMs: number): RoleReport[] {
    if (!this.#receiver || nowMs - this.#saidAtMs < sayMs) return [];
    this.#saidAtMs = nowMs;
    return [{ kind: 'stateArriving', ...this.#receiver.progress }];
  }
}

const sayMs = 1000;
