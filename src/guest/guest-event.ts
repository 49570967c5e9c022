/**
 * Everything nondeterministic that enters a guest; it enters at the start of an epoch and nowhere
 * else, in the order of the record (FT paper §2.1).
 */
export type GuestEvent =
  | ClockSet
  | ConsoleInput
  | KeysPressed
  | FrameReceived
  | DiskCompleted
  | PowerPressed
  | ResetPressed
  | PowerButtonPressed
  | PausePressed
  | ResumePressed;

/** What the operator does to the machine (§3.3: it travels in the log, so it happens on all). */
export type OperatorEvent =
  PowerPressed | ResetPressed | PowerButtonPressed | PausePressed | ResumePressed;

/**
 * The battery-backed clock of the machine says `wallClockMs` since 1970 now, as it would for a machine that is
 * switched on. A running system has read it before and goes on by its own.
 */
export interface ClockSet {
  readonly kind: 'clockSet';
  readonly wallClockMs: number;
}
/** Bytes typed at the serial console (ttyS0). */
export interface ConsoleInput {
  readonly kind: 'consoleInput';
  readonly bytes: Uint8Array;
}
/** Scan codes (set 1) from the PC keyboard. */
export interface KeysPressed {
  readonly kind: 'keysPressed';
  readonly scancodes: Uint8Array;
}
/** An Ethernet frame reached the guest's NIC: headers included, checksum not. */
export interface FrameReceived {
  readonly kind: 'frameReceived';
  readonly frame: Uint8Array;
}
/** A disk operation ended. A read carries its data: only now does it enter guest memory (§3.4). */
export interface DiskCompleted {
  readonly kind: 'diskCompleted';
  /** `DiskRequest.id`. A completion of a request the machine no longer waits for is ignored. */
  readonly requestId: number;
  readonly result: DiskResult;
}
export type DiskResult =
  | { readonly kind: 'read'; readonly data: Uint8Array }
  | { readonly kind: 'written' }
  /** A read whose data the replica has read for itself; on the wire only, no guest sees it (§4.2). */
  | { readonly kind: 'ownRead' }
  /** The host could not do it; the guest sees an ATA error on the same sectors. */
  | { readonly kind: 'failed' };
/** The operator cut the power: the machine is off when the epoch ends. */
export interface PowerPressed {
  readonly kind: 'powerPressed';
}
/** The operator pressed reset: a fresh machine when the epoch ends. */
export interface ResetPressed {
  readonly kind: 'resetPressed';
}
/** The button on the case: a guest that has enabled it is told, for any other it cuts the power. */
export interface PowerButtonPressed {
  readonly kind: 'powerButtonPressed';
}
/** From here on no instruction runs and guest time stands still, until the guest is resumed. */
export interface PausePressed {
  readonly kind: 'pausePressed';
}
export interface ResumePressed {
  readonly kind: 'resumePressed';
}

export function isOperatorEvent(event: GuestEvent): event is OperatorEvent {
  switch (event.kind) {
    case 'powerPressed':
    case 'resetPressed':
    case 'powerButtonPressed':
    case 'pausePressed':
    case 'resumePressed':
      return true;
    case 'clockSet':
    case 'consoleInput':
    case 'keysPressed':
    case 'frameReceived':
    case 'diskCompleted':
      return false;
  }
}

/** Whether a guest is paused once `events` have entered it. */
export function pausedAfter(events: readonly GuestEvent[], isPaused: boolean): boolean {
  return events.reduce((before, { kind }) => {
    if (kind === 'pausePressed') return true;
    return kind === 'resumePressed' ? false : before;
  }, isPaused);
}

/** Bytes the event adds to a log record, its kind and framing not counted. */
export function eventBytes(event: GuestEvent): number {
  switch (event.kind) {
    case 'clockSet':
      return 8;
    case 'consoleInput':
      return event.bytes.byteLength;
    case 'keysPressed':
      return event.scancodes.byteLength;
    case 'frameReceived':
      return event.frame.byteLength;
    case 'diskCompleted':
      return event.result.kind === 'read' ? event.result.data.byteLength : 0;
    case 'powerPressed':
    case 'resetPressed':
    case 'powerButtonPressed':
    case 'pausePressed':
    case 'resumePressed':
      return 0;
  }
}
