import { FtvmError } from '../errors.js';
import type { Snapshot } from '../guest/snapshot.js';
import type { StateBegin, StatePages, WireMessage } from './wire-message.js';

/** Pages of zeros are left out: a guest that uses 20 of its 128 MiB sends 20. */
const pageBytes = 4096;
const messageBytesMax = 256 * 1024;
/** Sent and not acknowledged: enough to fill a gigabit link over 10 ms, little enough to stay prompt. */
const windowBytesMax = 4 * 1024 * 1024;

/** How far a state has got; runs of zeros, which are not sent, count as well. */
export interface StateProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** The snapshot does not fit what was announced. */
export class StateTransferError extends FtvmError {
  readonly code = 'FTVM_STATE_TRANSFER';
  readonly remedy = 'Start the backup again; if it happens again, both sides need the same build.';
}

/**
 * Sends a snapshot to a backup that joins (FT paper §3.1), in pieces small enough that heartbeats and
 * records are not held up behind it.
 */
export class StateSender {
  readonly #snapshot: Snapshot;
  #offset = 0;
  #sentBytes = 0;
  #ackedBytes = 0;
  #phase: 'begin' | 'pages' | 'done' = 'begin';

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  acked(receivedBytes: number): void {
    this.#ackedBytes = Math.max(this.#ackedBytes, receivedBytes);
  }

  /** The messages that fit the window now; empty while it is full and for ever after `stateEnd`. */
  next(): WireMessage[] {
    const messages: WireMessage[] = [];
    const { state, ...header } = this.#snapshot;
    if (this.#phase === 'begin') {
      messages.push({ kind: 'stateBegin', header, stateBytes: state.byteLength });
      this.#phase = 'pages';
    }
    while (this.#phase === 'pages' && this.#sentBytes - this.#ackedBytes < windowBytesMax) {
      const stretch = nextStretch(state, this.#offset);
      if (!stretch) {
        messages.push({ kind: 'stateEnd' });
        this.#phase = 'done';
        break;
      }
      this.#offset = stretch.offset + stretch.data.byteLength;
      this.#sentBytes += stretch.data.byteLength;
      messages.push(stretch);
    }
    return messages;
  }

  get isDone(): boolean {
    return this.#phase === 'done';
  }
  get sentBytes(): number {
    return this.#sentBytes;
  }
  get progress(): StateProgress {
    return { doneBytes: this.#offset, totalBytes: this.#snapshot.state.byteLength };
  }
}

/**
 * Puts a snapshot together again.
 *
 * Errors: `StateTransferError` for a state larger than `stateBytesMax`, before any of it is
 *         allocated, and for pages outside of what was announced.
 */
export class StateReceiver {
  readonly #header: StateBegin['header'];
  readonly #state: Uint8Array;
  #receivedBytes = 0;
  #doneBytes = 0;

  constructor({ header, stateBytes }: StateBegin, stateBytesMax: number) {
    if (stateBytes > stateBytesMax) {
      throw new StateTransferError(
        `The peer announces a machine state of ${stateBytes} bytes, ours has at most ${stateBytesMax}`,
      );
    }
    this.#header = header;
    this.#state = new Uint8Array(stateBytes);
  }

  /** Returns the bytes received so far, for the ack. */
  pages({ offset, data }: StatePages): number {
    if (offset + data.byteLength > this.#state.byteLength) {
      throw new StateTransferError(
        `State bytes ${offset} to ${offset + data.byteLength} of ${this.#state.byteLength}`,
      );
    }
    this.#state.set(data, offset);
    this.#receivedBytes += data.byteLength;
    this.#doneBytes = offset + data.byteLength;
    return this.#receivedBytes;
  }

  get progress(): StateProgress {
    return { doneBytes: this.#doneBytes, totalBytes: this.#state.byteLength };
  }

  end(): Snapshot {
    return { ...this.#header, state: this.#state };
  }
}

/** How large the state of a machine can be, from the fields two replicas have agreed on. */
export function stateBytesMaxOf(machine: Readonly<Record<string, string>>): number {
  const mebibytes = Number(machine['memoryMiB'] ?? 0) + Number(machine['vgaMemoryMiB'] ?? 0);
  return (mebibytes + deviceMiBMax) * 1024 * 1024;
}

// What v86 keeps beside the guest's memory: its TLB and its compiler's books (16 MiB and growing), up
// to 900 compiled functions of some 30 KiB, a MiB of devices.
const deviceMiBMax = 128;

function nextStretch(state: Uint8Array, from: number): StatePages | null {
  let start = from;
  while (start < state.byteLength && isZero(state, start)) start += pageBytes;
  if (start >= state.byteLength) return null;
  let end = start;
  while (end < state.byteLength && end - start < messageBytesMax && !isZero(state, end)) {
    end += pageBytes;
  }
  return {
    kind: 'statePages',
    offset: start,
    data: state.subarray(start, Math.min(end, state.byteLength)),
  };
}

function isZero(state: Uint8Array, start: number): boolean {
  const end = Math.min(start + pageBytes, state.byteLength);
  for (let i = start; i < end; i += 1) if (state[i] !== 0) return false;
  return true;
}
